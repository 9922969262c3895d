/**
 * What the steps of a run ask of a registry, by whichever way it is reached: use cases in this process, or HTTP. What
 * there is not, or is refused, is a RegistryError with its code.
 */
import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import type { Tag } from '../../src/oci/tag.ts'
import type { Sample } from '../sample-content.ts'

/** An upload in progress: `id` is whatever finds it again. */
export interface UploadPlace {
  readonly id: string
  readonly repository: RepositoryName
}

export interface MountedBlob {
  readonly from: RepositoryName
  readonly to: RepositoryName
  readonly digest: Digest
}

export interface FoundManifest {
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export type EmptiedTrash =
  | { readonly id: number }
  | { readonly repository: RepositoryName }
  | { readonly all: true }

export interface TagPosition {
  readonly position: number
  readonly digest: Digest
  /** Whether the manifest can still be had. */
  readonly manifest: 'here' | 'trash' | 'gone'
}

export interface Client {
  pushBlob(repository: RepositoryName, blob: Sample): Promise<void>
  /** The question before a push, by somebody who may push. */
  askForBlob(repository: RepositoryName, digest: Digest): Promise<void>
  readBlob(repository: RepositoryName, digest: Digest): Promise<Uint8Array>
  /** False where the blob must be uploaded. */
  mountBlob(mount: MountedBlob): Promise<boolean>
  unlinkBlob(repository: RepositoryName, digest: Digest): Promise<void>

  beginUpload(repository: RepositoryName, digest: Digest): Promise<UploadPlace>
  /** These give how many bytes the upload has. */
  askForUpload(upload: UploadPlace): Promise<number>
  appendToUpload(upload: UploadPlace, bytes: Uint8Array<ArrayBuffer>): Promise<number>
  finishUpload(upload: UploadPlace, digest: Digest, rest: Uint8Array<ArrayBuffer>): Promise<void>
  cancelUpload(upload: UploadPlace): Promise<void>

  /** Null: by its digest. */
  pushManifest(repository: RepositoryName, manifest: Sample, tag: Tag | null): Promise<void>
  readManifest(repository: RepositoryName, reference: Tag | Digest): Promise<FoundManifest>
  deleteManifest(repository: RepositoryName, digest: Digest): Promise<void>
  deleteTag(repository: RepositoryName, tag: Tag): Promise<void>
  listTags(repository: RepositoryName): Promise<readonly string[]>
  listReferrers(repository: RepositoryName, subject: Digest): Promise<readonly Digest[]>
}

/** What the owner of the registry alone may ask. */
export interface Owner {
  deleteRepository(repository: RepositoryName): Promise<void>
  restoreTrash(id: number): Promise<void>
  emptyTrash(which: EmptiedTrash): Promise<void>
  /** What the tag has named and can name again, the newest first. */
  listTagHistory(repository: RepositoryName, tag: Tag): Promise<readonly TagPosition[]>
  restoreTag(repository: RepositoryName, tag: Tag, to: Digest): Promise<void>
}
