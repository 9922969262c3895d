/** What a history pushes: a few images that share layers, indexes of them, and every fact that can come of it. */
import { buildImage, buildIndex, type Content, type Image } from '../clients/images.ts'
import type { OldImage } from '../old-volume.ts'
import type { FactKey } from './model.ts'

/** Names nest, and sort otherwise as folders than as names. */
export const REPOSITORIES = ['a', 'a/b', 'a/b/c', 'a-b'] as const
export const TAGS = ['1', '2', 'latest'] as const

const LAYERS = 5
const IMAGES = 5

/** Images of one to three layers of the same five, and indexes of two images each. */
export function makeStock(): readonly Image[] {
  const images = Array.from({ length: IMAGES }, (_, at) => imageOf(at))
  const [first, second, third, fourth] = images as [Image, Image, Image, Image]
  const indexes = [
    [first, second],
    [third, fourth],
    [second, third],
  ] as const
  return [
    ...images,
    ...indexes.map(([amd, arm]) =>
      buildIndex(
        new Map([
          ['amd64', amd],
          ['arm64', arm],
        ]),
      ),
    ),
  ]
}

function imageOf(at: number): Image {
  const layers = Array.from({ length: 1 + (at % 3) }, (_, layer) => ({
    files: new Map([['file', new TextEncoder().encode(`layer ${(at + layer * 2) % LAYERS}`)]]),
    compression: 'none' as const,
  }))
  return buildImage(layers, `processor-${at}`)
}

export function blobKey(repository: string, digest: string): FactKey {
  return `blob ${repository} ${digest}`
}

export function manifestKey(repository: string, digest: string): FactKey {
  return `manifest ${repository} ${digest}`
}

export function tagKey(repository: string, tag: string): FactKey {
  return `tag ${repository} ${tag}`
}

/** Of what the steps may make in each repository, and of the images that were there before. */
export function allKeys(stock: readonly Image[], old: readonly OldImage[]): FactKey[] {
  const own = REPOSITORIES.flatMap((repository) => [
    ...TAGS.map((tag) => tagKey(repository, tag)),
    ...digestsOf(stock.map(({ root }) => root)).map((digest) => manifestKey(repository, digest)),
    ...digestsOf(stock.flatMap(({ blobs }) => blobs)).map((digest) => blobKey(repository, digest)),
  ])
  return [...own, ...old.flatMap(keysOfOld)]
}

export function keysOfOld({ repository, tag, digest }: OldImage): FactKey[] {
  return [tagKey(repository, tag), manifestKey(repository, digest)]
}

function digestsOf(contents: readonly Content[]): string[] {
  return [...new Set(contents.map(({ digest }) => digest))]
}
