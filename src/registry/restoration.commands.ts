/**
 * The writes that bring something back from the trash, each one transaction of bounded size, safe to run twice.
 * In the order of a push: first the blobs, in the order of their digests, then the manifests, then the tags.
 */
import { record } from '../events/event.ts'
import {
  findBlobFacts,
  forgetLostBlob,
  keepBlob,
  linkBlob,
  referToBlob,
  reviveBlob,
} from '../metadata/blobs.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { type DigestPage, listBlobsOfManifest } from '../metadata/garbage.ts'
import { hasManifest, holdManifest } from '../metadata/manifests.ts'
import { raisePayload } from '../metadata/payloads.ts'
import { markListed, type RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { beginTagInterval, findTagDigest, pointTag } from '../metadata/tags.ts'
import { forgetTrash, holdTrash, type TrashId, turnTrash } from '../metadata/trash.ts'
import {
  dropTrashedLink,
  dropTrashedManifest,
  dropTrashedTag,
  findTrashedLinks,
  holdTrashedManifest,
  insertTrashedManifest,
  listTrashedLinks,
  listTrashedManifests,
  listTrashedTags,
  type TrashedTag,
  takeTrashedLink,
} from '../metadata/trashed.ts'
import { noteBlobUsage, noteManifestUsage } from '../metadata/usage-changes.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Tag } from '../oci/tag.ts'
import { purgeManifest } from './trash.commands.ts'
import { markLayerAdded, markPayloadAdded, markRevisionAdded, markTag } from './tree/marks.ts'
import { everyDigest } from './tree/torn-links.ts'

const ROWS_AT_ONCE = 500

export interface RestorationStep {
  readonly trash: TrashId
  readonly by: string
  /** Milliseconds for which what has come back is left alone at least. */
  readonly lease: number
}

/** From here on nobody empties it. False: it is being emptied, or gone. */
export const beginRestorationCommand = command(
  'trash.begin-restore',
  (tx, { trash }: { readonly trash: TrashId }) =>
    turnTrash(tx, trash, { from: ['kept', 'filling'], to: 'restoring' }),
)

export interface ManifestRestoration extends Omit<RestorationStep, 'trash'> {
  readonly repository: RepositoryId
  /** The deletion that is being restored; null where only these manifests are wanted, in whichever they lie. */
  readonly trash: TrashId | null
  readonly digests: readonly Digest[]
  /** Blobs whose bytes were looked for and not found, when their epoch was this one. */
  readonly lost: readonly { readonly digest: Digest; readonly epoch: number }[]
}

export interface RestoredManifests {
  readonly restored: readonly Digest[]
  /** Neither in the trash nor in the repository any more, or without their bytes. */
  readonly gone: readonly Digest[]
  /** How many of the digests have been dealt with: the rest is for the next command. */
  readonly count: number
}

/** Null: the deletion is not being restored any more. Throws UNAVAILABLE for a blob that is being deleted. */
export const restoreManifestsCommand = command(
  'trash.restore-manifests',
  async (tx, input: ManifestRestoration): Promise<RestoredManifests | null> => {
    if (input.trash !== null && (await holdTrash(tx, input.trash, 'restoring')) === null) return null
    const lost = input.lost.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
    for (const { digest, epoch } of lost) {
      await forgetLostBlob(tx, digest, epoch)
      await noteBlobUsage(tx, [{ repository: 0, digest }])
    }
    const manifests = await fitting(tx, input)
    const kept = await keepBlobsOf(tx, manifests, input.lease)
    const restored: Digest[] = []
    const gone: Digest[] = []
    for (const { digest, blobs } of manifests) {
      const outcome = await bringBack(tx, input, digest)
      if (outcome === 'gone') gone.push(digest)
      if (outcome !== 'restored') continue
      restored.push(digest)
      await restoreLinks(
        tx,
        input.repository,
        blobs.filter((blob) => kept.has(blob)),
      )
    }
    return { restored, gone, count: manifests.length }
  },
)

export interface RestoredTags {
  readonly restored: readonly Tag[]
  /** They name something else by now, and are left alone. */
  readonly occupied: readonly OccupiedTag[]
  /** What they named is in the repository no more. */
  readonly gone: readonly TrashedTag[]
}

export interface OccupiedTag extends TrashedTag {
  /** What it names now. */
  readonly names: Digest
}

/** The next tags of the deletion. Null: it is not being restored any more. All lists are empty after the last one. */
export const restoreTagsCommand = command(
  'trash.restore-tags',
  async (tx, step: RestorationStep): Promise<(RestoredTags & { readonly count: number }) | null> => {
    const held = await holdTrash(tx, step.trash, 'restoring')
    if (held === null) return null
    const tags = await listTrashedTags(tx, step.trash, { after: '', limit: ROWS_AT_ONCE / 5 })
    const answer = { restored: [] as Tag[], occupied: [] as OccupiedTag[], gone: [] as TrashedTag[] }
    for (const tag of tags) {
      const outcome = await restoreTag(tx, held.repositoryId, tag, step.by)
      if (outcome === 'restored') answer.restored.push(tag.name)
      else if (outcome === 'gone') answer.gone.push(tag)
      else if (outcome !== 'there') answer.occupied.push({ ...tag, names: outcome })
      await dropTrashedTag(tx, step.trash, tag.name)
    }
    return { ...answer, count: tags.length }
  },
)

/** The next links of a repository that no manifest has brought back: gives how many. Null: it is not being restored any more. */
export const restoreLinksCommand = command(
  'trash.restore-links',
  async (tx, step: RestorationStep): Promise<number | null> => {
    const held = await holdTrash(tx, step.trash, 'restoring')
    if (held === null) return null
    const links = await listTrashedLinks(tx, step.trash, { after: '', limit: ROWS_AT_ONCE / 2 })
    const kept: Digest[] = []
    // What nothing referred to may have been collected since.
    for (const digest of links) if (await keepBlob(tx, digest, tx.now + step.lease)) kept.push(digest)
    await restoreLinks(tx, held.repositoryId, kept)
    for (const digest of links) {
      await dropTrashedLink(tx, step.trash, digest)
      await scheduleReview(tx, { repository: 0, digest, reason: 'link restored', dueAt: tx.now + step.lease })
    }
    return links.length
  },
)

/** Forgets the deletion, of which nothing is left. False: there is more. */
export const endRestorationCommand = command(
  'trash.end-restore',
  async (tx, { trash, by }: Omit<RestorationStep, 'lease'>): Promise<boolean> => {
    const held = await holdTrash(tx, trash, 'restoring')
    if (held === null) return true
    const page = { after: '', limit: 1 }
    const left = [
      ...(await listTrashedManifests(tx, trash, page)),
      ...(await listTrashedTags(tx, trash, page)),
      ...(await listTrashedLinks(tx, trash, page)),
    ]
    if (left.length > 0) return false
    await forgetTrash(tx, trash)
    if (held.what === 'repository') {
      await markListed(tx, held.repositoryId)
      await record(tx, held.repositoryId, by, { kind: 'repository.restored' })
    }
    return true
  },
)

interface Restorable {
  readonly digest: Digest
  readonly blobs: readonly Digest[]
}

/** The first of the manifests, as many as one command may take, with what they refer to: at least one. */
async function fitting(
  tx: Transaction,
  { repository, digests }: Pick<ManifestRestoration, 'repository' | 'digests'>,
): Promise<Restorable[]> {
  const manifests: Restorable[] = []
  let rows = 0
  for (const digest of digests) {
    const list = (page: DigestPage) => listBlobsOfManifest(tx, repository, digest, page)
    const blobs = await Array.fromAsync(everyDigest(list))
    rows += blobs.length + 4
    if (manifests.length > 0 && rows > ROWS_AT_ONCE) break
    manifests.push({ digest, blobs })
  }
  return manifests
}

/** Gives the blobs that are there. One by one, in the order of their digests, as a push does it. */
async function keepBlobsOf(
  tx: Transaction,
  manifests: readonly Restorable[],
  lease: number,
): Promise<Set<Digest>> {
  const referred = new Set(manifests.flatMap(({ blobs }) => blobs))
  const own = manifests.map(({ digest }) => digest)
  const kept = new Set<Digest>()
  for (const digest of [...new Set([...referred, ...own])].toSorted()) {
    if (!referred.has(digest)) await reviveOwn(tx, digest, lease)
    else if (await referToBlob(tx, digest, tx.now + lease)) kept.add(digest)
    else if ((await findBlobFacts(tx, digest)) !== null) throw beingDeleted(digest)
  }
  return kept
}

/** Of the manifest itself, where somebody has pushed its bytes as a blob too. */
async function reviveOwn(tx: Transaction, digest: Digest, lease: number): Promise<void> {
  if (await reviveBlob(tx, digest, tx.now + lease)) await noteBlobUsage(tx, [{ repository: 0, digest }])
}

async function bringBack(
  tx: Transaction,
  { repository, trash, by, lease }: ManifestRestoration,
  digest: Digest,
): Promise<'restored' | 'there' | 'gone'> {
  const isHeld = await holdTrashedManifest(tx, repository, digest)
  const isThere = await hasManifest(tx, repository, digest)
  const canCome = !isThere && isHeld && (await raisePayload(tx, digest))
  const isRestored = canCome && (await insertTrashedManifest(tx, repository, digest))
  if (trash !== null && !isRestored && !isThere) await purgeManifest(tx, { trash, repository, digest })
  else if (trash !== null) await dropTrashedManifest(tx, trash, digest)
  await noteManifestUsage(tx, repository, [digest])
  if (!isRestored) return isThere || canCome ? 'there' : 'gone'
  await markListed(tx, repository)
  await markPayloadAdded(tx, digest)
  await markRevisionAdded(tx, repository, digest)
  await scheduleReview(tx, { repository, digest, reason: 'manifest restored', dueAt: tx.now + lease })
  await record(tx, repository, by, { kind: 'manifest.restored', digest })
  return 'restored'
}

/** Gives back what the repository could read before it was deleted, and no other right. */
async function restoreLinks(
  tx: Transaction,
  repository: RepositoryId,
  blobs: readonly Digest[],
): Promise<void> {
  for (const digest of await findTrashedLinks(tx, repository, blobs)) {
    if (!(await takeTrashedLink(tx, repository, digest))) continue
    if (!(await linkBlob(tx, repository, digest))) continue
    await markLayerAdded(tx, repository, digest)
    await noteBlobUsage(tx, [{ repository, digest }])
  }
}

/** `there`: it names this already. Another digest: that is what it names, and goes on to. */
async function restoreTag(
  tx: Transaction,
  repository: RepositoryId,
  { name, digest }: TrashedTag,
  by: string,
): Promise<'restored' | 'there' | 'gone' | Digest> {
  if (!(await holdManifest(tx, repository, digest))) return 'gone'
  while (!(await pointTag(tx, repository, name, { before: null, digest }))) {
    const names = await findTagDigest(tx, repository, name)
    if (names !== null) return names === digest ? 'there' : names
  }
  await beginTagInterval(tx, repository, name, digest, by)
  await markTag(tx, repository, name, null, digest)
  await record(tx, repository, by, { kind: 'tag.restored', tag: name, digest })
  return 'restored'
}

function beingDeleted(digest: Digest): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The blob ${digest} is being removed at this moment. Please restore once more in a moment.`,
    { digest, state: 'deleting' },
  )
}
