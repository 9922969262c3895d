/**
 * The trash: what was deleted, by whom, and until when it can be taken back; restoring it with everything that hung on
 * it; emptying it. Restoring and emptying one deletion exclude each other, and both go on where a crash has stopped
 * them. Each of these may throw DatabaseUnavailable, WriterUnavailable and StorageUnavailable as well.
 */
import type { Read } from '../metadata/database.ts'
import { findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import {
  findOldestDeletion,
  findTrash,
  listTrashRows,
  type TrashId,
  type TrashRow,
} from '../metadata/trash.ts'
import {
  countTrashed,
  listTrashedManifests,
  listTrashedTags,
  type TrashedCounts,
} from '../metadata/trashed.ts'
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { type Registry, type RegistryReads, requireChecked } from './registry.ts'
import { fillDeletion } from './repositories.ts'
import {
  beginRestorationCommand,
  endRestorationCommand,
  restoreLinksCommand,
  restoreTagsCommand,
} from './restoration.commands.ts'
import { findAway, Restoration, type RestoredThings } from './restoration.ts'
import { type StepTime, UNLIMITED } from './step-time.ts'
import {
  beginEmptyingCommand,
  beginPurgeCommand,
  emptyTrashCommand,
  letTrashGoCommand,
} from './trash.commands.ts'
import { TrashBusy, TrashUnknown } from './trash-errors.ts'

export type { TrashId } from '../metadata/trash.ts'

/** One deletion, with the first of what it took along. Times are milliseconds since 1970. */
export interface TrashEntry extends TrashRow {
  /** When it goes by itself. */
  readonly keptUntil: number
  readonly counts: TrashedCounts
  readonly someManifests: readonly Digest[]
  readonly someTags: readonly { readonly name: Tag; readonly digest: Digest }[]
}

export interface TrashPage {
  readonly entries: readonly TrashEntry[]
  /** The last entry of the page, after which the next one begins; null on the last page. */
  readonly next: TrashId | null
}

const MOST_SHOWN = 10
const MANIFESTS_AT_ONCE = 100

/** One page of deletions, the newest first, of one repository or of all. A repository that does not exist has none. */
export async function listTrash(
  { database, policy }: Pick<Registry, 'policy'> & Pick<RegistryReads, 'database'>,
  request: {
    readonly repository: RepositoryName | null
    readonly before: TrashId | null
    readonly limit: number
  },
): Promise<TrashPage> {
  const repository = request.repository === null ? null : await findRepositoryId(database, request.repository)
  if (request.repository !== null && repository === null) return { entries: [], next: null }
  const { before, limit } = request
  const rows = await listTrashRows(database, repository, { before, limit: limit + 1 })
  const { keepFor } = policy.trash
  const entries = await Promise.all(rows.slice(0, limit).map((row) => entryOf(database, row, keepFor)))
  return { entries, next: rows.length > limit ? (entries.at(-1)?.id ?? null) : null }
}

async function entryOf(read: Read, row: TrashRow, keepFor: number): Promise<TrashEntry> {
  const page = { after: '', limit: MOST_SHOWN }
  return {
    ...row,
    keptUntil: row.deletedAt + keepFor,
    counts: await countTrashed(read, row.id),
    someManifests: await listTrashedManifests(read, row.id, page),
    someTags: await listTrashedTags(read, row.id, page),
  }
}

/**
 * Takes a deletion back, with everything that hung on it: manifests and their edges, tags with a new interval in their
 * history, the repository's links. What is there again by now is left alone. Throws TrashUnknown, TrashBusy, and
 * UNAVAILABLE while a blob is being deleted; then, and after a crash, the same call goes on.
 */
export async function restoreTrash(registry: Registry, id: TrashId, by: string): Promise<RestoredThings> {
  const { repository, repositoryId } = await getTrash(registry.database, id)
  await requireChecked(registry, repository)
  if (!(await registry.database.write(beginRestorationCommand, { trash: id }))) {
    await getTrash(registry.database, id)
    throw new TrashBusy(
      `The deletion ${id} is being emptied at this moment, and cannot be taken back any more.`,
    )
  }
  const restoration = new Restoration(registry, { repository: repositoryId, by })
  await finishRestoration(registry, restoration, { id, repositoryId, by })
  return restoration.report
}

interface Deletion {
  readonly id: TrashId
  readonly repositoryId: RepositoryId
  readonly by: string
}

/** False: the time was over, and more is left. */
async function finishRestoration(
  registry: Registry,
  restoration: Restoration,
  deletion: Deletion,
  time: StepTime = UNLIMITED,
): Promise<boolean> {
  const { id, by } = deletion
  const kinds = [
    () => restoreSomeManifests(registry, restoration, id),
    () => restoreSomeTags(registry, restoration, deletion),
    () => restoreSomeLinks(registry, deletion),
  ]
  do {
    for (const restoreSome of kinds) while (await restoreSome()) if (time.isOver) return false
  } while (!(await registry.database.write(endRestorationCommand, { trash: id, by })))
  return true
}

/** False where there was nothing of this kind to restore. So do the next two. */
async function restoreSomeManifests(
  registry: Registry,
  restoration: Restoration,
  id: TrashId,
): Promise<boolean> {
  const digests = await listTrashedManifests(registry.database, id, { after: '', limit: MANIFESTS_AT_ONCE })
  return digests.length > 0 && (await restoration.bringBack(digests, id))
}

async function restoreSomeTags(
  registry: Registry,
  restoration: Restoration,
  { id, repositoryId, by }: Deletion,
): Promise<boolean> {
  const { database, policy } = registry
  // A tag that was deleted alone may name a manifest that another deletion took later.
  const next = await listTrashedTags(database, id, { after: '', limit: MANIFESTS_AT_ONCE })
  const named = [...new Set(next.map(({ digest }) => digest))]
  await restoration.bringBack(await findAway(database, repositoryId, named), null)
  const step = { trash: id, by, lease: policy.collection.lease }
  const tags = await database.write(restoreTagsCommand, step)
  if (tags === null || tags.count === 0) return false
  restoration.noteTags(tags)
  return true
}

async function restoreSomeLinks(registry: Registry, { id, by }: Deletion): Promise<boolean> {
  const step = { trash: id, by, lease: registry.policy.collection.lease }
  const count = await registry.database.write(restoreLinksCommand, step)
  return count !== null && count > 0
}

/** Which deletions are meant; of several, only those before one, where that is named. */
export type EmptiedTrash =
  | { readonly id: TrashId }
  | { readonly repository: RepositoryName; readonly before?: TrashId | null }
  | { readonly all: true; readonly before?: TrashId | null }

/** What went for good. Its blobs are collected once their grace is over, as far as nothing else needs them. */
export interface EmptyingResult {
  readonly deletions: number
  readonly manifests: number
  /** Deletions that are being restored, or made, at this moment: they stay. */
  readonly skipped: number
  /** Where the time was over: the deletions before this one are left. Null where all that were meant are gone. */
  readonly next: TrashId | null
}

const DELETIONS_AT_ONCE = 100

/**
 * Empties the trash, or part of it: what is in it can be taken back no more. Of several deletions, the newest first, it
 * begins none any more after so many milliseconds. Throws TrashUnknown, TrashBusy for one deletion.
 */
export async function emptyTrash(
  registry: Registry,
  which: EmptiedTrash,
  by: string,
  longest = Number.POSITIVE_INFINITY,
): Promise<EmptyingResult> {
  if (!('id' in which)) return await emptySeveral(registry, which, { by, longest })
  const row = await getTrash(registry.database, which.id)
  const emptied = await emptyOne(registry, row, by)
  if (emptied === 'gone') throw new TrashUnknown(which.id)
  if (emptied !== 'busy') return withEmptied(NOTHING_EMPTIED, emptied)
  throw new TrashBusy(`The deletion ${which.id} is being restored, or still being made, at this moment.`)
}

const NOTHING_EMPTIED: EmptyingResult = { deletions: 0, manifests: 0, skipped: 0, next: null }

async function emptySeveral(
  registry: Registry,
  which: Exclude<EmptiedTrash, { readonly id: TrashId }>,
  { by, longest }: { readonly by: string; readonly longest: number },
): Promise<EmptyingResult> {
  const { database } = registry
  const until = performance.now() + longest
  const repository = 'repository' in which ? await findRepositoryId(database, which.repository) : null
  let result = NOTHING_EMPTIED
  if ('repository' in which && repository === null) return result
  for (let before = which.before ?? null; ; ) {
    const rows: TrashRow[] = await listTrashRows(database, repository, { before, limit: DELETIONS_AT_ONCE })
    for (const row of rows) {
      result = withEmptied(result, await emptyOne(registry, row, by))
      before = row.id
      if (performance.now() >= until) return { ...result, next: before }
    }
    if (rows.length === 0) return result
  }
}

/** `busy`: it is being restored or made. `gone`: somebody else has restored or emptied it meanwhile. */
type EmptiedOne = 'busy' | 'gone' | { readonly manifests: number; readonly isDone: boolean }

function withEmptied(result: EmptyingResult, emptied: EmptiedOne): EmptyingResult {
  if (emptied === 'gone') return result
  if (emptied === 'busy') return { ...result, skipped: result.skipped + 1 }
  const { deletions, manifests } = result
  return { ...result, deletions: deletions + 1, manifests: manifests + emptied.manifests }
}

/** It is not done where the time was over: whoever empties it next goes on. */
async function emptyOne(
  registry: Registry,
  { id, repository }: TrashRow,
  by: string,
  time: StepTime = UNLIMITED,
): Promise<EmptiedOne> {
  // What another registry did to the repository meanwhile is known first, so that nothing goes that is back.
  await requireChecked(registry, repository)
  if (!(await registry.database.write(beginEmptyingCommand, { trash: id }))) {
    return (await findTrash(registry.database, id)) === null ? 'gone' : 'busy'
  }
  for (let manifests = 0; ; ) {
    const step = await registry.database.write(emptyTrashCommand, { trash: id, by })
    manifests += step.manifests
    if (step.isDone || time.isOver) return { manifests, isDone: step.isDone }
  }
}

/** Who empties what has been kept for long enough. */
export const TRASH_KEEPER = 'the rule for the trash'

/** So long nobody has gone on with a deletion, a restoration or an emptying: whoever began it is dead. Milliseconds. */
const INTERRUPTED_AFTER = 60_000

export interface PurgeResult {
  /** Nothing is left to do now. */
  readonly isIdle: boolean
  /** When the oldest deletion is over, in milliseconds since 1970; null where nothing lies in the trash. */
  readonly nextDueAt: number | null
  /** How many deletions went. */
  readonly purged: number
}

/**
 * Goes on with what a crash has interrupted, then empties at most `limit` deletions whose time is over, as far as it
 * comes in its own time: the next call goes on. One that fails keeps no other from going; the first failure is thrown
 * at the end.
 */
export async function purgeExpired(
  registry: Registry,
  { limit, time = UNLIMITED }: { readonly limit: number; readonly time?: StepTime },
): Promise<PurgeResult> {
  const { database, policy } = registry
  if (policy.isReadOnly) return { isIdle: true, nextDueAt: null, purged: 0 }
  const { keepFor } = policy.trash
  const begin = { keepFor, interruptedAfter: INTERRUPTED_AFTER, limit }
  const { expired, interrupted } = await database.write(beginPurgeCommand, begin)
  const works = [
    ...interrupted.map((row) => () => goOn(registry, row, time)),
    ...expired.map((row) => () => purgeOne(registry, row, time)),
  ]
  const { outcomes, isAll } = await attemptEach(works, time)
  const oldest = await findOldestDeletion(database)
  return {
    isIdle: isAll && expired.length < limit && interrupted.length < limit,
    nextDueAt: oldest === null ? null : oldest + keepFor,
    purged: outcomes.filter((outcome) => outcome === 'purged').length,
  }
}

/** `left`: the time was over before it was done. */
type Outcome = 'done' | 'purged' | 'left'

/** Does them one after another, and begins none when the time is over. The first failure is thrown at the end. */
async function attemptEach(
  works: readonly (() => Promise<Outcome>)[],
  time: StepTime,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly isAll: boolean }> {
  const [outcomes, failures]: [Outcome[], unknown[]] = [[], []]
  for (const work of works) {
    if (time.isOver) break
    await work().then(
      (outcome) => outcomes.push(outcome),
      (error: unknown) => failures.push(error),
    )
  }
  if (failures.length > 0) throw failures[0]
  return { outcomes, isAll: outcomes.length === works.length && !outcomes.includes('left') }
}

async function purgeOne(registry: Registry, row: TrashRow, time: StepTime): Promise<Outcome> {
  const emptied = await emptyOne(registry, row, TRASH_KEEPER, time)
  if (typeof emptied === 'string') return 'done'
  return emptied.isDone ? 'purged' : 'left'
}

async function goOn(registry: Registry, row: TrashRow, time: StepTime): Promise<Outcome> {
  await requireChecked(registry, row.repository)
  if (await finish(registry, row, time)) return 'done'
  await registry.database.write(letTrashGoCommand, { trash: row.id })
  return 'left'
}

/** False: the time was over. */
async function finish(registry: Registry, row: TrashRow, time: StepTime): Promise<boolean> {
  const { id, repositoryId, state } = row
  if (state === 'filling') return await fillDeletion(registry, id, time)
  if (state === 'emptying') return (await purgeOne(registry, row, time)) !== 'left'
  const place = { repository: repositoryId, by: TRASH_KEEPER }
  const deletion = { id, repositoryId, by: TRASH_KEEPER }
  return await finishRestoration(registry, new Restoration(registry, place), deletion, time)
}

/** Throws TrashUnknown. */
async function getTrash(read: Read, id: TrashId): Promise<TrashRow> {
  const found = await findTrash(read, id)
  if (found === null) throw new TrashUnknown(id)
  return found
}
