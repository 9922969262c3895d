/**
 * What one repository of the database must take over from the link tree, as plain data: found by comparing the
 * two (adoption.ts, comparison.ts), carried out by tree.commands.ts in pieces of bounded size.
 */
import type { FoundBlob } from '../../metadata/blobs.ts'
import type { FoundManifest } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import type { FoundTag, TagRow } from '../../metadata/tags.ts'
import type { TornFile } from '../../metadata/torn-files.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'

/** Who has made what another registry left in the tree. */
export const ANOTHER_REGISTRY = 'another registry'

export type TreeChange =
  | { readonly kind: 'manifest'; readonly manifest: FoundManifest }
  | { readonly kind: 'blob'; readonly blob: FoundBlob }
  | { readonly kind: 'tag'; readonly tag: FoundTag }
  /** The tag names something else than the database says. */
  | { readonly kind: 'tag moved'; readonly seen: TagRow; readonly digest: Digest }
  | { readonly kind: 'tag gone'; readonly seen: TagRow }
  | { readonly kind: 'manifest gone'; readonly digest: Digest }
  | { readonly kind: 'link gone'; readonly digest: Digest }
  /** Nothing lay where the blob's bytes should, when its epoch was this one. */
  | { readonly kind: 'bytes gone'; readonly digest: Digest; readonly epoch: number }
  /** A file tells nothing: it stays so until somebody pushes what it is about. */
  | { readonly kind: 'torn'; readonly file: TornFile }
  /** A file is torn or missing that the database can write again. */
  | { readonly kind: 'repair'; readonly what: 'tag'; readonly key: Tag; readonly digest: Digest }
  | { readonly kind: 'repair'; readonly what: 'payload'; readonly digest: Digest }

export interface TreePart {
  readonly id: RepositoryId
  /** Whether the repository becomes the database's by this, or is compared only. */
  readonly purpose: 'adopt' | 'check'
  readonly changes: readonly TreeChange[]
  /** With it the repository has been gone through; null where more parts follow. */
  readonly end: { readonly isListed: boolean } | null
}

/** About how many rows a change writes: what bounds a command. */
export function rowsOf(change: TreeChange): number {
  switch (change.kind) {
    case 'manifest':
      return 2 + change.manifest.children.length + change.manifest.blobs.length
    case 'tag':
      return 2 + change.tag.earlier.length
    default:
      return 2
  }
}

/** About how many bytes a change carries. */
export function bytesOf(change: TreeChange): number {
  return change.kind === 'manifest' ? change.manifest.size : 0
}

/** A file that tells nothing. */
export function torn(file: TornFile): TreeChange {
  return { kind: 'torn', file }
}
