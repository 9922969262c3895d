/** Asks the use cases of a registry in this process. */
import type { Content } from '../../../src/lib/content.ts'
import type { TrashId } from '../../../src/metadata/trash.ts'
import { algorithmOf, type Digest, isDigest } from '../../../src/oci/digest.ts'
import type { Reference } from '../../../src/oci/reference.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Tag } from '../../../src/oci/tag.ts'
import { getBlob, mountBlob, promiseBlob, unlinkBlob } from '../../../src/registry/blobs.ts'
import { deleteManifest, getManifest, putManifest } from '../../../src/registry/manifests.ts'
import { listReferrers } from '../../../src/registry/referrers.ts'
import type { Registry } from '../../../src/registry/registry.ts'
import { deleteRepository } from '../../../src/registry/repositories.ts'
import { deleteTag, listRepositoryTags, listTagHistory, restoreTag } from '../../../src/registry/tags.ts'
import { emptyTrash, restoreTrash } from '../../../src/registry/trash.ts'
import type { UploadSession } from '../../../src/registry/uploads.commands.ts'
import {
  appendToUpload,
  beginUpload,
  cancelUpload,
  finishUpload,
  getUploadProgress,
  putBlob,
} from '../../../src/registry/uploads.ts'
import { bodyOf, type Sample } from '../../sample-content.ts'
import type {
  Client,
  EmptiedTrash,
  FoundManifest,
  MountedBlob,
  Owner,
  TagPosition,
  UploadPlace,
} from '../client.ts'

const by = 'ann'
const principal = by
const scope = { kind: 'everything' } as const

export class UseCases implements Client {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  async pushBlob(repository: RepositoryName, { digest, bytes }: Sample): Promise<void> {
    await putBlob(this.#registry, { repository, principal, digest, body: bodyOf(bytes), range: null })
  }

  async askForBlob(repository: RepositoryName, digest: Digest): Promise<void> {
    await getBlob(this.#registry, repository, digest)
    await promiseBlob(this.#registry, repository, digest)
  }

  async readBlob(repository: RepositoryName, digest: Digest): Promise<Uint8Array> {
    const { size, content } = await getBlob(this.#registry, repository, digest)
    return await readAll(content({ offset: 0, length: size }))
  }

  async mountBlob({ from, to, digest }: MountedBlob): Promise<boolean> {
    return await mountBlob(this.#registry, { repository: to, digest, from, scope, by })
  }

  async unlinkBlob(repository: RepositoryName, digest: Digest): Promise<void> {
    await unlinkBlob(this.#registry, { repository, digest, by })
  }

  async beginUpload(repository: RepositoryName, digest: Digest): Promise<UploadPlace> {
    const algorithm = algorithmOf(digest)
    const { id } = await beginUpload(this.#registry, { repository, principal, algorithm })
    return { id, repository }
  }

  async askForUpload(upload: UploadPlace): Promise<number> {
    return await getUploadProgress(this.#registry, sessionOf(upload))
  }

  async appendToUpload(upload: UploadPlace, bytes: Uint8Array): Promise<number> {
    return await appendToUpload(this.#registry, sessionOf(upload), { body: bodyOf(bytes), range: null })
  }

  async finishUpload(upload: UploadPlace, digest: Digest, rest: Uint8Array): Promise<void> {
    await finishUpload(this.#registry, sessionOf(upload), { body: bodyOf(rest), range: null, digest })
  }

  async cancelUpload(upload: UploadPlace): Promise<void> {
    await cancelUpload(this.#registry, sessionOf(upload))
  }

  async pushManifest(repository: RepositoryName, manifest: Sample, tag: Tag | null): Promise<void> {
    const { mediaType, bytes, digest } = manifest
    const reference: Reference = tag === null ? { kind: 'digest', digest } : { kind: 'tag', tag }
    const input = { repository, reference, tags: [], mediaType, bytes, mayOverwrite: true, by }
    await putManifest(this.#registry, input)
  }

  async readManifest(repository: RepositoryName, named: Tag | Digest): Promise<FoundManifest> {
    const reference: Reference = isDigest(named)
      ? { kind: 'digest', digest: named }
      : { kind: 'tag', tag: named as Tag }
    return await getManifest(this.#registry, repository, reference)
  }

  async deleteManifest(repository: RepositoryName, digest: Digest): Promise<void> {
    await deleteManifest(this.#registry, { repository, digest, by })
  }

  async deleteTag(repository: RepositoryName, tag: Tag): Promise<void> {
    await deleteTag(this.#registry, { repository, tag, by })
  }

  async listTags(repository: RepositoryName): Promise<readonly string[]> {
    return (await listRepositoryTags(this.#registry, repository, { after: '', limit: 100 })).items
  }

  async listReferrers(repository: RepositoryName, subject: Digest): Promise<readonly Digest[]> {
    const asked = { repository, subject, artifactType: null, after: null }
    const { referrers } = await listReferrers(this.#registry, asked)
    return referrers.map(({ digest }) => digest)
  }
}

/** Who may do all that the use cases do. */
export class OwnerUseCases implements Owner {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  async deleteRepository(repository: RepositoryName): Promise<void> {
    await deleteRepository(this.#registry, { repository, by })
  }

  async restoreTrash(id: number): Promise<void> {
    await restoreTrash(this.#registry, id as TrashId, by)
  }

  async emptyTrash(which: EmptiedTrash): Promise<void> {
    await emptyTrash(this.#registry, 'id' in which ? { id: which.id as TrashId } : which, by)
  }

  async listTagHistory(repository: RepositoryName, tag: Tag): Promise<readonly TagPosition[]> {
    return (await listTagHistory(this.#registry, { repository, tag }, { after: null, limit: 100 })).positions
  }

  async restoreTag(repository: RepositoryName, tag: Tag, to: Digest): Promise<void> {
    await restoreTag(this.#registry, { repository, tag, to, by })
  }
}

function sessionOf({ id, repository }: UploadPlace): UploadSession {
  return { id: id as UploadSession['id'], repository, principal }
}

async function readAll(content: Content): Promise<Uint8Array> {
  switch (content.kind) {
    case 'bytes':
      return content.bytes
    case 'file':
      return await Bun.file(content.path)
        .slice(content.offset, content.offset + content.length)
        .bytes()
    case 'stream':
      return Buffer.concat(await Array.fromAsync(content.open()))
    case 'redirect':
      throw new Error('no storage of these tests sends its readers elsewhere')
  }
}
