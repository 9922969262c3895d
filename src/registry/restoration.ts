/**
 * Brings manifests back from the trash, with what they need: an index never comes back without those of its children
 * that lie there too. What cannot come back is told, for nothing half-restored is called whole.
 */
import { findBlobFacts } from '../metadata/blobs.ts'
import type { Read } from '../metadata/database.ts'
import { type DigestPage, isManifestTrashed, listBlobsOfManifest } from '../metadata/garbage.ts'
import { findManifestDigests, findPayload } from '../metadata/manifests.ts'
import type { RepositoryId } from '../metadata/repositories.ts'
import type { TrashId } from '../metadata/trash.ts'
import { listTrashedChildren, type TrashedTag } from '../metadata/trashed.ts'
import type { Digest } from '../oci/digest.ts'
import type { Registry } from './registry.ts'
import { type OccupiedTag, type RestoredTags, restoreManifestsCommand } from './restoration.commands.ts'
import { findStoredSize } from './stored-bytes.ts'
import { everyDigest } from './tree/torn-links.ts'
import { readManifest } from './tree/tree-manifest.ts'

const CHILDREN_AT_ONCE = 100
/** An index in an index in an index … : digests cannot go round in circles, but they can be a long way. */
const DEEPEST = 100
/** Of how many things that did not come back an answer tells. */
const MOST_TOLD = 1000

/** What came back, and what did not. */
export interface RestoredThings {
  /** How many. */
  readonly manifests: number
  readonly tags: number
  /** Manifests that are back, and blobs that they need and are lost: pushed again, these make them whole. */
  readonly missing: readonly { readonly manifest: Digest; readonly blobs: readonly Digest[] }[]
  /** Tags that name something else by now, and were left alone. */
  readonly occupied: readonly OccupiedTag[]
  /** Tags whose manifest is in neither the repository nor the trash. */
  readonly goneTags: readonly TrashedTag[]
  readonly goneManifests: readonly Digest[]
  /** How many more of these there are than are told. */
  readonly untold: number
  /** Everything came back, or was there already. */
  readonly isWhole: boolean
}

export interface RestorationPlace {
  readonly repository: RepositoryId
  readonly by: string
}

/** One restoration: it counts what comes back, and what does not. */
export class Restoration {
  readonly #registry: Registry
  readonly #place: RestorationPlace
  #manifests = 0
  #tags = 0
  readonly #missing: { manifest: Digest; blobs: readonly Digest[] }[] = []
  readonly #occupied: OccupiedTag[] = []
  readonly #goneTags: TrashedTag[] = []
  readonly #goneManifests: Digest[] = []
  #untold = 0

  constructor(registry: Registry, place: RestorationPlace) {
    this.#registry = registry
    this.#place = place
  }

  get report(): RestoredThings {
    const told = [this.#missing, this.#occupied, this.#goneTags, this.#goneManifests]
    return {
      manifests: this.#manifests,
      tags: this.#tags,
      missing: this.#missing,
      occupied: this.#occupied,
      goneTags: this.#goneTags,
      goneManifests: this.#goneManifests,
      untold: this.#untold,
      isWhole: told.every(({ length }) => length === 0),
    }
  }

  /**
   * Brings manifests back out of the deletion that is being restored; null stands for whichever they lie in.
   * False: that deletion is not being restored any more. Throws UNAVAILABLE, StorageUnavailable.
   */
  async bringBack(digests: readonly Digest[], trash: TrashId | null): Promise<boolean> {
    for (const digest of digests) await this.#bringBackChildren(digest, 0)
    return await this.#restore(digests, trash)
  }

  noteTags({ restored, occupied, gone }: RestoredTags): void {
    this.#tags += restored.length
    for (const tag of occupied) this.#tell(this.#occupied, tag)
    for (const tag of gone) this.#tell(this.#goneTags, tag)
  }

  async #bringBackChildren(parent: Digest, depth: number): Promise<void> {
    const { database } = this.#registry
    const list = (page: DigestPage) => listTrashedChildren(database, this.#place.repository, parent, page)
    for (let after = ''; depth < DEEPEST; ) {
      const children = await list({ after, limit: CHILDREN_AT_ONCE })
      for (const child of children) await this.#bringBackChildren(child, depth + 1)
      await this.#restore(children, null)
      const last = children.at(-1)
      if (last === undefined || children.length < CHILDREN_AT_ONCE) return
      after = last
    }
  }

  async #restore(digests: readonly Digest[], trash: TrashId | null): Promise<boolean> {
    const { database, policy } = this.#registry
    const { repository, by } = this.#place
    for (let left = digests; left.length > 0; ) {
      const losses = await this.#findLosses(left)
      const lost = losses.flatMap((each) => each.lost)
      const input = { repository, trash, by, digests: left, lost, lease: policy.collection.lease }
      const done = await database.write(restoreManifestsCommand, input)
      if (done === null) return false
      this.#manifests += done.restored.length
      for (const digest of done.gone) this.#tell(this.#goneManifests, digest)
      const restored = new Set(done.restored)
      for (const { manifest, missing } of losses) {
        if (missing.length > 0 && restored.has(manifest))
          this.#tell(this.#missing, { manifest, blobs: missing })
      }
      left = left.slice(done.count)
    }
    return true
  }

  /** Of manifests that refer to blobs whose bytes are not there. */
  async #findLosses(manifests: readonly Digest[]): Promise<Loss[]> {
    const losses: Loss[] = []
    const known = new Map<Digest, BlobLoss | null>()
    for (const manifest of manifests) {
      const list = (page: DigestPage) =>
        listBlobsOfManifest(this.#registry.database, this.#place.repository, manifest, page)
      const lost: BlobLoss[] = []
      for await (const digest of everyDigest(list)) {
        const loss = known.get(digest) ?? (await this.#findBlobLoss(digest))
        known.set(digest, loss)
        if (loss !== null) lost.push(loss)
      }
      if (lost.length > 0) losses.push(await this.#lossOf(manifest, lost))
    }
    return losses
  }

  async #findBlobLoss(digest: Digest): Promise<BlobLoss | null> {
    const stored = await findBlobFacts(this.#registry.database, digest)
    if (stored === null) return { digest, epoch: null }
    const isHere = (await findStoredSize(this.#registry, digest)) === stored.size
    return isHere ? null : { digest, epoch: stored.epoch }
  }

  /** Foreign layers need not be here. */
  async #lossOf(manifest: Digest, lost: readonly BlobLoss[]): Promise<Loss> {
    const bytes = await findPayload(this.#registry.database, manifest)
    const needs = new Set(bytes === null ? [] : (readManifest(bytes)?.needs ?? []))
    return {
      manifest,
      missing: lost.map(({ digest }) => digest).filter((digest) => needs.has(digest)),
      lost: lost.flatMap(({ digest, epoch }) => (epoch === null ? [] : [{ digest, epoch }])),
    }
  }

  #tell<Item>(list: Item[], item: Item): void {
    if (list.length < MOST_TOLD) list.push(item)
    else this.#untold++
  }
}

interface BlobLoss {
  readonly digest: Digest
  /** Null where nothing is known of the blob at all. */
  readonly epoch: number | null
}

interface Loss {
  readonly manifest: Digest
  readonly missing: readonly Digest[]
  readonly lost: readonly { readonly digest: Digest; readonly epoch: number }[]
}

/** Those of the manifests that the repository does not have, but the trash. */
export async function findAway(
  read: Read,
  repository: RepositoryId,
  manifests: readonly Digest[],
): Promise<Digest[]> {
  const here = await findManifestDigests(read, repository, manifests)
  const away: Digest[] = []
  for (const digest of manifests) {
    if (!here.has(digest) && (await isManifestTrashed(read, { repository, manifest: digest })))
      away.push(digest)
  }
  return away
}
