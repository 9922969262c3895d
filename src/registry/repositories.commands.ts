/**
 * The writes that delete a repository: one deletion in the trash, filled in steps of bounded size. First the repository
 * leaves the list, then go its manifests with their tags, its uploads, and last its links, for a push that comes
 * meanwhile makes it live again: what that has brought stays. A step finds its deletion filling, or does nothing.
 */
import { record } from '../events/event.ts'
import { findBlobFacts, holdBlobAsSeen, listLinks, unlinkBlob } from '../metadata/blobs.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { hasManifests, listManifestTimes } from '../metadata/manifests.ts'
import {
  findRepositoryId,
  isRepositoryDeleted,
  markDeleted,
  markListed,
  type RepositoryId,
} from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import {
  createTrash,
  findFillingTrash,
  holdTrash,
  type TrashId,
  type TrashRow,
  trashLink,
  turnTrash,
} from '../metadata/trash.ts'
import { hasLiveUser } from '../metadata/trashed.ts'
import { deleteUpload, listUploadsInProgress } from '../metadata/uploads.ts'
import { noteBlobUsage } from '../metadata/usage-changes.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { takeManifestAway } from './deleted-manifests.ts'
import { markLayerRemoved, markRepositoryDeleted } from './tree/marks.ts'
import { filesOf, reviewLeftBytes } from './uploads.commands.ts'

const ROWS_AT_ONCE = 500
const MANIFESTS_AT_ONCE = 100

/** Gives the deletion to fill: a new one, or one that a crash, or another caller, has left half filled. Null: there is no such repository. */
export const beginRepositoryDeletionCommand = command(
  'repository.begin-delete',
  async (
    tx,
    input: { readonly repository: RepositoryName; readonly by: string },
  ): Promise<TrashId | null> => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null) return null
    const filling = await findFillingTrash(tx, repository)
    if (filling !== null) return filling
    if ((await isRepositoryDeleted(tx, repository)) && !(await holdsAnything(tx, repository))) return null
    await markDeleted(tx, repository)
    return await createTrash(tx, repository, 'repository', input.by, 'filling')
  },
)

/** One step of filling, from where the last one of its kind ended. */
export interface FillingStep {
  readonly trash: TrashId
  /** The manifest, upload or blob after which it goes on; '' at the beginning. */
  readonly after: string
  readonly lease: number
}

/** `lost`: the deletion is not being filled any more. Null: nothing of this kind is left. */
export type NextStep = string | null | 'lost'

export const deleteManifestsCommand = command(
  'repository.delete-manifests',
  async (tx, { trash, after, lease }: FillingStep): Promise<NextStep> => {
    const held = await holdTrash(tx, trash, 'filling')
    if (held === null) return 'lost'
    const repository = held.repositoryId
    const page = await listManifestTimes(tx, repository, { after, limit: MANIFESTS_AT_ONCE })
    let [rows, done] = [0, after]
    for (const { digest, createdAt } of page) {
      if (rows > ROWS_AT_ONCE) return done
      if (isMeanwhile(tx, held, createdAt)) continue
      const taken = await takeManifestAway(tx, { repository, trash, digest, lease })
      if (taken.outcome === 'more tags') return done
      rows += 4 + 4 * taken.tags.length
      done = digest
    }
    return page.length < MANIFESTS_AT_ONCE ? null : (page.at(-1)?.digest ?? null)
  },
)

export interface CancelledUploads {
  readonly next: NextStep
  /** Names of bytes that can now be discarded. */
  readonly files: readonly UploadId[]
}

export const cancelUploadsCommand = command(
  'repository.cancel-uploads',
  async (tx, { trash, after, lease }: FillingStep): Promise<CancelledUploads> => {
    const held = await holdTrash(tx, trash, 'filling')
    if (held === null) return { next: 'lost', files: [] }
    // Of all repositories: only a deletion asks for those of one, and there are never many.
    const page = await listUploadsInProgress(tx, { after, limit: ROWS_AT_ONCE })
    const files: UploadId[] = []
    for (const upload of page) {
      const isOwn = upload.repositoryId === held.repositoryId
      if (!isOwn || isMeanwhile(tx, held, upload.startedAt)) continue
      if (!(await deleteUpload(tx, upload.id))) continue
      await reviewLeftBytes(tx, upload, { reviewAfter: lease })
      files.push(...filesOf(upload))
    }
    return { next: page.length < ROWS_AT_ONCE ? null : (page.at(-1)?.id ?? null), files }
  },
)

/** In the order of their digests, for each holds its blob's row. */
export const dropLinksCommand = command(
  'repository.drop-links',
  async (tx, { trash, after, lease }: FillingStep): Promise<NextStep> => {
    const held = await holdTrash(tx, trash, 'filling')
    if (held === null) return 'lost'
    const page = await listLinks(tx, held.repositoryId, { after, limit: MANIFESTS_AT_ONCE })
    for (const { digest, linkedAt } of page) {
      if (isMeanwhile(tx, held, linkedAt)) continue
      if (await dropLink(tx, held, digest)) {
        await scheduleReview(tx, { repository: 0, digest, reason: 'link dropped', dueAt: tx.now + lease })
      }
    }
    return page.length < MANIFESTS_AT_ONCE ? null : (page.at(-1)?.digest ?? null)
  },
)

/** From here on the deletion can be taken back. False: it is not being filled any more. */
export const endRepositoryDeletionCommand = command(
  'repository.end-delete',
  async (tx, { trash }: { readonly trash: TrashId }): Promise<boolean> => {
    const held = await holdTrash(tx, trash, 'filling')
    if (held === null) return false
    await turnTrash(tx, trash, { from: ['filling'], to: 'kept' })
    // A push that had begun before the deletion did not know that it must list the repository.
    if (await hasManifests(tx, held.repositoryId)) await markListed(tx, held.repositoryId)
    await markRepositoryDeleted(tx, held.repositoryId)
    await record(tx, held.repositoryId, held.deletedBy, { kind: 'repository.deleted', trash })
    return true
  },
)

/** Whether it has come since the deletion began. What comes from the future by a wrong clock has not. */
function isMeanwhile(tx: Transaction, { deletedAt }: TrashRow, at: number): boolean {
  return at > deletedAt && at <= tx.now
}

async function holdsAnything(tx: Transaction, repository: RepositoryId): Promise<boolean> {
  if (await hasManifests(tx, repository)) return true
  return (await listLinks(tx, repository, { after: '', limit: 1 })).length > 0
}

const ATTEMPTS = 3

/**
 * False where a manifest of a push that came meanwhile needs it. Such a push raises the blob's epoch before its
 * manifest can be seen: so the epoch is read first and the manifest looked for second, and whoever looked before the
 * push finds another epoch, and looks again.
 */
async function dropLink(tx: Transaction, { id, repositoryId }: TrashRow, digest: Digest): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const seen = await findBlobFacts(tx, digest)
    if (await hasLiveUser(tx, repositoryId, digest)) return false
    if (seen !== null && !(await holdBlobAsSeen(tx, digest, seen.epoch))) continue
    if (!(await unlinkBlob(tx, repositoryId, digest))) return false
    await trashLink(tx, id, repositoryId, digest)
    await markLayerRemoved(tx, repositoryId, digest)
    await noteBlobUsage(tx, [{ repository: repositoryId, digest }])
    return true
  }
  return false
}
