/**
 * The writes that empty the trash: in steps of bounded size, each of which a crash may follow. Edges and bytes go only
 * where nothing else needs them: no manifest that is live again, no other deletion of the same, no other repository.
 */
import { record } from '../events/event.ts'
import { touchLink } from '../metadata/blobs.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { isDigestTrashed, isManifestTrashed } from '../metadata/garbage.ts'
import { hasManifest } from '../metadata/manifests.ts'
import { deletePayload, holdPayload, isManifestAnywhere } from '../metadata/payloads.ts'
import type { RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import {
  forgetTrash,
  holdTrash,
  letTrashGo,
  listExpiredTrash,
  listInterruptedTrash,
  type TrashId,
  type TrashRow,
  trashLink,
  turnTrash,
} from '../metadata/trash.ts'
import {
  dropEdges,
  dropTrashedLink,
  dropTrashedManifest,
  dropTrashedTag,
  findTrashedUser,
  holdTrashedManifest,
  listTrashedLinks,
  listTrashedManifests,
  listTrashedTags,
} from '../metadata/trashed.ts'
import { noteBlobUsage, noteEdgeUsage, noteManifestUsage } from '../metadata/usage-changes.ts'
import type { Digest } from '../oci/digest.ts'

const ROWS_AT_ONCE = 500
const MANIFESTS_AT_ONCE = 100

/** From here on nobody restores it. False: it is being restored or filled, or gone. */
export const beginEmptyingCommand = command(
  'trash.begin-empty',
  (tx, { trash }: { readonly trash: TrashId }) => turnTrash(tx, trash, { from: ['kept'], to: 'emptying' }),
)

export interface PurgeBegin {
  /** Milliseconds for which deletions are kept, and for how long nobody has gone on with one that is interrupted. */
  readonly keepFor: number
  readonly interruptedAfter: number
  readonly limit: number
}

export interface BegunPurge {
  /** Being emptied from now on. */
  readonly expired: readonly TrashRow[]
  readonly interrupted: readonly TrashRow[]
}

/** As `beginEmptyingCommand`, for at most `limit` deletions whose time is over; with as many that a crash has interrupted. */
export const beginPurgeCommand = command(
  'trash.begin-purge',
  async (tx, { keepFor, interruptedAfter, limit }: PurgeBegin): Promise<BegunPurge> => {
    const interrupted = await listInterruptedTrash(tx, { before: tx.now - interruptedAfter, limit })
    const expired: TrashRow[] = []
    for (const row of await listExpiredTrash(tx, { before: tx.now - keepFor, limit })) {
      if (await turnTrash(tx, row.id, { from: ['kept'], to: 'emptying' })) expired.push(row)
    }
    return { expired, interrupted }
  },
)

/** Somebody has stopped in the middle of a deletion that is filled, restored or emptied: whoever comes next goes on at once. */
export const letTrashGoCommand = command(
  'trash.let-go',
  (tx, { trash }: { readonly trash: TrashId }) => letTrashGo(tx, trash),
  { durable: false },
)

export interface Emptied {
  /** How many manifests went in this step. */
  readonly manifests: number
  /** Nothing of the deletion is left. */
  readonly isDone: boolean
}

/** One step. A deletion that is gone, or not being emptied, counts as done. */
export const emptyTrashCommand = command(
  'trash.empty',
  async (tx, { trash, by }: { readonly trash: TrashId; readonly by: string }): Promise<Emptied> => {
    const held = await holdTrash(tx, trash, 'emptying')
    if (held === null) return { manifests: 0, isDone: true }
    const { manifests, isAll } = await purgeManifests(tx, held)
    if (!isAll || !(await purgeTagsAndLinks(tx, held))) return { manifests, isDone: false }
    await forgetTrash(tx, trash)
    await record(tx, held.repositoryId, by, { kind: 'trash.emptied', what: held.what, trash })
    return { manifests, isDone: true }
  },
)

interface PurgedManifests {
  readonly manifests: number
  /** Few enough to go on with the rest of the deletion in the same command. */
  readonly isAll: boolean
}

async function purgeManifests(tx: Transaction, { id, repositoryId }: TrashRow): Promise<PurgedManifests> {
  const digests = await listTrashedManifests(tx, id, { after: '', limit: MANIFESTS_AT_ONCE })
  let [manifests, rows] = [0, 0]
  for (const digest of digests) {
    if (rows > ROWS_AT_ONCE) break
    rows += 4 + (await purgeManifest(tx, { trash: id, repository: repositoryId, digest }))
    manifests++
  }
  return { manifests, isAll: manifests < MANIFESTS_AT_ONCE && rows < ROWS_AT_ONCE / 2 }
}

/** Takes one manifest out of one deletion for good, and gives how many blobs it referred to that it refers to no more. */
export async function purgeManifest(
  tx: Transaction,
  where: { readonly trash: TrashId; readonly repository: RepositoryId; readonly digest: Digest },
): Promise<number> {
  const { trash, repository, digest } = where
  await holdTrashedManifest(tx, repository, digest)
  const epoch = await holdPayload(tx, digest)
  await dropTrashedManifest(tx, trash, digest)
  const isNeeded =
    (await hasManifest(tx, repository, digest)) ||
    (await isManifestTrashed(tx, { repository, manifest: digest }))
  await noteManifestUsage(tx, repository, [digest])
  if (isNeeded) return 0
  await noteEdgeUsage(tx, repository, digest)
  const blobs = await dropEdges(tx, repository, digest)
  for (const blob of blobs) {
    // Somebody may just have been told that the blob is here, and be about to push what uses it.
    await touchLink(tx, repository, blob)
    await reviewBlob(tx, blob)
  }
  if (epoch !== null) await purgePayload(tx, digest, epoch)
  return blobs.length
}

async function purgePayload(tx: Transaction, digest: Digest, epoch: number): Promise<void> {
  if ((await isManifestAnywhere(tx, digest)) || (await isDigestTrashed(tx, digest))) return
  if (!(await deletePayload(tx, digest, epoch))) return
  await noteBlobUsage(tx, [{ repository: 0, digest }])
  await reviewBlob(tx, digest)
}

/** True where none is left. */
async function purgeTagsAndLinks(tx: Transaction, { id, repositoryId }: TrashRow): Promise<boolean> {
  const limit = ROWS_AT_ONCE / 4
  const tags = await listTrashedTags(tx, id, { after: '', limit })
  for (const { name } of tags) await dropTrashedTag(tx, id, name)
  const links = await listTrashedLinks(tx, id, { after: '', limit })
  for (const digest of links) {
    // What was deleted before the repository was needs its links too, to come back whole.
    const other = await findTrashedUser(tx, repositoryId, digest)
    if (other !== null && other !== id) await trashLink(tx, other, repositoryId, digest)
    await dropTrashedLink(tx, id, digest)
  }
  return tags.length < limit && links.length < limit
}

/** At once, for its grace begins with the review that finds it free. */
function reviewBlob(tx: Transaction, digest: Digest): Promise<void> {
  return scheduleReview(tx, { repository: 0, digest, reason: 'trash emptied', dueAt: tx.now })
}
