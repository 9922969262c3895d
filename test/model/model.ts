/**
 * What a registry must have, may have, and must not have, as simply as it can be said: in each repository its manifests
 * and tags exactly; of blobs those that it must show, because a manifest there uses them (a deleted one too while it
 * lies in the trash) or because somebody was promised so until a time, those that it may still show, and no others.
 * What it may show and was seen not to, is gone for good until it is pushed again.
 */
import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import type { Tag } from '../../src/oci/tag.ts'
import { blobsUsedBy, REPOSITORIES, stocked } from './stock.ts'
import type { Times } from './world.ts'

/** One deletion. */
export interface Trashed {
  /** Null until it has been looked for. */
  readonly id: number | null
  readonly repository: RepositoryName
  readonly what: string
  readonly manifests: readonly Digest[]
  readonly tags: ReadonlyMap<Tag, Digest>
  /** Of a deleted repository: blobs that it showed. */
  readonly links: ReadonlySet<Digest>
  readonly deletedAt: number
}

/** An upload in progress: which blob it is to become, and how much of that has been acknowledged. */
export interface Unfinished {
  readonly id: string
  readonly repository: RepositoryName
  /** Its place in the stock. */
  readonly blob: number
  readonly received: number
  readonly touchedAt: number
  /** The process died while this was written to: it may have more, or be over. */
  readonly isDoubtful: boolean
}

export class RepositoryModel {
  readonly manifests: Set<Digest>
  readonly tags: Map<Tag, Digest>
  /** Blobs that it may show, and until when it must. */
  readonly links: Map<Digest, number>
  /** Those that collection may have taken just before a manifest came that uses them, and can do without: until somebody looks. */
  readonly doubtful: Set<Digest>

  constructor(from?: RepositoryModel) {
    this.manifests = new Set(from?.manifests)
    this.tags = new Map(from?.tags)
    this.links = new Map(from?.links)
    this.doubtful = new Set(from?.doubtful)
  }
}

export class Model {
  now: number
  readonly #repositories: ReadonlyMap<RepositoryName, RepositoryModel>
  trash: readonly Trashed[]
  uploads: readonly Unfinished[]
  readonly times: Pick<Times, 'trash' | 'slack'>

  constructor(from: Pick<Model, 'now' | 'times'> | Model) {
    const older = from instanceof Model ? from : null
    this.now = from.now
    this.times = from.times
    this.#repositories = new Map(REPOSITORIES.map((name) => [name, new RepositoryModel(older?.in(name))]))
    this.trash = older?.trash ?? []
    this.uploads = older?.uploads ?? []
  }

  /** The repository, whether anybody has pushed to it or not. */
  in(repository: RepositoryName): RepositoryModel {
    const found = this.#repositories.get(repository)
    if (found === undefined) throw new Error(`no repository of the stock: ${repository}`)
    return found
  }

  /** Whether a deletion may be purged by now. */
  isExpired({ deletedAt }: Trashed): boolean {
    return deletedAt + this.times.trash <= this.now + this.times.slack
  }

  /** Whether a manifest of the repository uses the blob, deleted ones included until their time in the trash is over. */
  isUsed(repository: RepositoryName, blob: Digest): boolean {
    return this.keptManifests(repository).some((manifest) => blobsUsedBy(manifest).includes(blob))
  }

  /** Those that are there, and those that must still lie in the trash. */
  keptManifests(repository: RepositoryName): Digest[] {
    const deleted = this.trashOf(repository).filter((each) => !this.isExpired(each))
    return [...this.in(repository).manifests, ...deleted.flatMap(({ manifests }) => manifests)]
  }

  mustShow(repository: RepositoryName, blob: Digest): boolean {
    const { links, doubtful } = this.in(repository)
    const until = links.get(blob)
    if (until === undefined) return false
    return until >= this.now + this.times.slack || (!doubtful.has(blob) && this.isUsed(repository, blob))
  }

  mayShow(repository: RepositoryName, blob: Digest): boolean {
    return this.in(repository).links.has(blob)
  }

  /** From now on the repository may show it, and must for so many milliseconds. */
  promise(repository: RepositoryName, blob: Digest, milliseconds: number): void {
    const { links } = this.in(repository)
    links.set(blob, Math.max(links.get(blob) ?? 0, this.now + milliseconds))
  }

  /** Whether the repository shows the blob, or showed it before it was deleted: then what uses it has a right to it. */
  hasRight(repository: RepositoryName, blob: Digest): boolean {
    return this.mayShow(repository, blob) || this.trashOf(repository).some(({ links }) => links.has(blob))
  }

  trashOf(repository: RepositoryName): Trashed[] {
    return this.trash.filter((each) => each.repository === repository)
  }

  /** Something of the repository goes to the trash. */
  discard(repository: RepositoryName, gone: Omit<Trashed, 'id' | 'repository' | 'deletedAt'>): void {
    const { manifests, tags, links } = this.in(repository)
    for (const digest of gone.manifests) manifests.delete(digest)
    for (const tag of gone.tags.keys()) tags.delete(tag)
    for (const blob of gone.links) links.delete(blob)
    this.trash = [...this.trash, { ...gone, id: null, repository, deletedAt: this.now }]
  }

  /** A manifest comes back from the trash, where it lies there, and before it those of its children that do. */
  bringBack(repository: RepositoryName, digest: Digest): void {
    for (const child of stocked(digest).children) {
      if (this.isAway(repository, child.digest)) this.bringBack(repository, child.digest)
    }
    if (!this.isAway(repository, digest)) return
    const { manifests, links } = this.in(repository)
    for (const blob of blobsUsedBy(digest)) {
      if (!links.has(blob) && this.hasRight(repository, blob)) links.set(blob, 0)
    }
    manifests.add(digest)
  }

  /** In the trash, and not in the repository. */
  isAway(repository: RepositoryName, digest: Digest): boolean {
    if (this.in(repository).manifests.has(digest)) return false
    return this.trashOf(repository).some(({ manifests }) => manifests.includes(digest))
  }

  tagsOf(repository: RepositoryName, digest: Digest): Map<Tag, Digest> {
    return new Map([...this.in(repository).tags].filter(([, named]) => named === digest))
  }
}
