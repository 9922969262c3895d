/** Which files a repository must have in the link tree, as distribution would have written them. */
import { algorithmOf, type Digest, hexOf } from '../src/oci/digest.ts'
import type { Sample } from './sample-content.ts'

/** Paths under a repository's folder, each with the digest that it holds. */
type Links = Record<string, string>

export function links(...groups: readonly Links[]): Links {
  return Object.assign({}, ...groups)
}

export function layersOf(...blobs: readonly Sample[]): Links {
  return Object.fromEntries(blobs.map(({ digest }) => [pathOfLayer(digest), digest]))
}

export function pathOfLayer(digest: Digest): string {
  return `_layers/${algorithmOf(digest)}/${hexOf(digest)}/link`
}

export function revisionsOf(...manifests: readonly Sample[]): Links {
  return Object.fromEntries(
    manifests.map(({ digest }) => [
      `_manifests/revisions/${algorithmOf(digest)}/${hexOf(digest)}/link`,
      digest,
    ]),
  )
}

/** A tag that names `current`, and has named the others. */
export function tagOf(tag: string, current: Sample, ...others: readonly Sample[]): Links {
  const index = [current, ...others].map(({ digest }) => [
    `_manifests/tags/${tag}/index/${algorithmOf(digest)}/${hexOf(digest)}/link`,
    digest,
  ])
  return { ...Object.fromEntries(index), [`_manifests/tags/${tag}/current/link`]: current.digest }
}
