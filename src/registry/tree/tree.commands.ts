/**
 * The writes by which the database takes over what another registry left in the link tree. Each part of a
 * repository is conditional on that repository not having been gone through since this start, and holds its row:
 * whoever writes to it through Berth comes after its last part, so nothing here can undo what was acknowledged.
 */
import { forgetLostBlob, insertFoundBlobs, unlinkBlob } from '../../metadata/blobs.ts'
import {
  endAdoption,
  endCheck,
  holdForAdoption,
  holdForCheck,
  insertFoundRepositories,
} from '../../metadata/checks.ts'
import { command, type Transaction } from '../../metadata/database.ts'
import { deleteManifest, insertFoundManifests } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { scheduleReview } from '../../metadata/reviews.ts'
import {
  claimSetting,
  findSetting,
  putSetting,
  replaceSetting,
  START_SETTING,
} from '../../metadata/settings.ts'
import {
  beginTagInterval,
  deleteTagAsSeen,
  deleteTagsOf,
  endTagInterval,
  insertFoundTags,
  moveTagAsSeen,
  type TagRow,
} from '../../metadata/tags.ts'
import { forgetMendedFiles, noteTornFiles } from '../../metadata/torn-files.ts'
import { createTrash, trashManifest, trashTag } from '../../metadata/trash.ts'
import { hasTreeDirt, markTree, type TreeMark } from '../../metadata/tree.ts'
import { noteBlobUsage, noteManifestUsage } from '../../metadata/usage-changes.ts'
import type { Digest } from '../../oci/digest.ts'
import { ANOTHER_REGISTRY, type TreeChange, type TreePart } from './changes.ts'
import type { RepositoryInTree } from './tree-repositories.ts'

const TAGS_AT_ONCE = 500

/** Milliseconds for which what was found in the tree is left alone, whatever the operator has set for pushes. */
const FOUND_LEASE = 60 * 60 * 1000

/** Makes known which start this is, before anything is written in it. */
export const beginStartCommand = command('tree.begin-start', (tx, input: { readonly start: string }) =>
  putSetting(tx, START_SETTING, input.start),
)

/** Makes names known that were found in the tree, so that the catalog is right. */
export const nameRepositoriesCommand = command(
  'tree.name-repositories',
  (tx, input: { readonly found: readonly RepositoryInTree[] }) => insertFoundRepositories(tx, input.found),
  { durable: false },
)

/** Takes parts over, each one only if its repository has not been gone through since this start. */
export const takeFromTreeCommand = command(
  'tree.take',
  async (tx, input: { readonly start: string; readonly parts: readonly TreePart[] }) => {
    for (const part of input.parts.toSorted((one, other) => one.id - other.id)) {
      const hold = part.purpose === 'adopt' ? holdForAdoption : holdForCheck
      if (await hold(tx, part.id, input.start)) await take(tx, part, input.start)
    }
  },
)

/** Where the process that goes through the tree says that it does, and until when that holds. */
const PASS_SETTING = 'tree.pass'
const DONE_SETTING = 'tree.done'
const BLOBS_SETTING = 'tree.blobs'

export interface PassClaim {
  readonly start: string
  readonly process: string
  /** Milliseconds. */
  readonly lease: number
}

/** True where this process goes through the tree from now on: one does, of all that share a database. */
export const claimPassCommand = command(
  'tree.claim-pass',
  async (tx, { start, process, lease }: PassClaim): Promise<boolean> => {
    const mine = JSON.stringify([start, process, tx.now + lease])
    const found = await claimSetting(tx, PASS_SETTING, mine)
    if (found === mine) return true
    const [itsStart, itsProcess, until] = JSON.parse(found) as [string, string, number]
    const isFree = itsStart !== start || itsProcess === process || until < tx.now
    return isFree && (await replaceSetting(tx, PASS_SETTING, { before: found, after: mine }))
  },
  { durable: false },
)

export interface PassEnd {
  /** How many repositories could not be read. */
  readonly errors: number
  /** A folder with repositories that no name leads to, so that nothing is known of them; null where there is none. */
  readonly nameless: string | null
}

/** Says that the tree has been gone through in this start. */
export const endPassCommand = command(
  'tree.end-pass',
  (tx, { start, errors, nameless }: PassEnd & { readonly start: string }) =>
    putSetting(tx, DONE_SETTING, JSON.stringify([start, errors, nameless])),
)

/** Says that the folders of blobs have been looked through. */
export const endBlobLookCommand = command('tree.end-blob-look', (tx, _: null) =>
  putSetting(tx, BLOBS_SETTING, 'looked through'),
)

export async function hasLookedAtBlobs(read: Parameters<typeof findSetting>[0]): Promise<boolean> {
  return (await findSetting(read, BLOBS_SETTING)) !== null
}

/** How the tree has been gone through in this start; null while it still is. */
export async function findPassEnd(
  read: Parameters<typeof findSetting>[0],
  start: string,
): Promise<PassEnd | null> {
  const found = await findSetting(read, DONE_SETTING)
  if (found === null) return null
  const [itsStart, errors, nameless = null] = JSON.parse(found) as [string, number, (string | null)?]
  return itsStart === start ? { errors, nameless } : null
}

async function take(tx: Transaction, part: TreePart, start: string): Promise<void> {
  const { id } = part
  // Berth has written nothing of a repository that is not adopted.
  const found = part.purpose === 'adopt' ? part.changes : await unmarked(tx, id, part.changes)
  const manifests = each(found, 'manifest', ({ manifest }) => manifest)
  await insertFoundManifests(tx, id, manifests, ANOTHER_REGISTRY)
  await noteManifestUsage(
    tx,
    id,
    manifests.map(({ digest }) => digest),
  )
  await takeBlobs(tx, id, found)
  await noteTornFiles(
    tx,
    id,
    start,
    each(found, 'torn', ({ file }) => file),
  )
  await insertFoundTags(
    tx,
    id,
    each(found, 'tag', ({ tag }) => tag),
    ANOTHER_REGISTRY,
  )
  for (const change of found)
    if (change.kind === 'tag moved') await moveTag(tx, id, change.seen, change.digest)
  for (const change of found) if (change.kind === 'repair') await repair(tx, id, change)
  await takeAway(tx, id, found)
  if (part.end === null) return
  await forgetMendedFiles(tx, id, start)
  if (part.purpose === 'adopt') await endAdoption(tx, id)
  else await endCheck(tx, id, { start, isListed: part.end.isListed })
}

/** A path that is marked is Berth's own affair: what lies there may be older than the database. */
async function unmarked(
  tx: Transaction,
  id: RepositoryId,
  changes: readonly TreeChange[],
): Promise<TreeChange[]> {
  const found: TreeChange[] = []
  for (const change of changes) {
    const mark = pathOf(id, change)
    if (mark === null || !(await hasTreeDirt(tx, mark))) found.push(change)
  }
  return found
}

function pathOf(repositoryId: RepositoryId, change: TreeChange): TreeMark | null {
  switch (change.kind) {
    case 'manifest':
      return { kind: 'revision', repositoryId, key: change.manifest.digest }
    case 'manifest gone':
      return { kind: 'revision', repositoryId, key: change.digest }
    case 'blob':
      return { kind: 'layer', repositoryId, key: change.blob.digest }
    case 'link gone':
      return { kind: 'layer', repositoryId, key: change.digest }
    case 'tag':
      return { kind: 'tag', repositoryId, key: change.tag.name }
    case 'tag moved':
    case 'tag gone':
      return { kind: 'tag', repositoryId, key: change.seen.name }
    case 'torn': {
      const { file } = change
      if (file.what === 'tag') return { kind: 'tag', repositoryId, key: file.key }
      return { kind: file.what === 'manifest' ? 'revision' : file.what, repositoryId, key: file.key }
    }
    case 'repair':
      return change.what === 'tag'
        ? { kind: 'tag', repositoryId, key: change.key }
        : { kind: 'payload', repositoryId: 0, key: change.digest }
    case 'bytes gone':
      return null
  }
}

async function takeBlobs(tx: Transaction, id: RepositoryId, found: readonly TreeChange[]): Promise<void> {
  const blobs = each(found, 'blob', ({ blob }) => blob)
  await insertFoundBlobs(tx, id, blobs, tx.now + FOUND_LEASE)
  await noteBlobUsage(
    tx,
    blobs.map(({ digest }) => ({ repository: id, digest })),
  )
  for (const { digest, isReferred } of blobs) {
    if (isReferred) continue
    await scheduleReview(tx, {
      repository: 0,
      digest,
      reason: 'found in the tree',
      dueAt: tx.now + FOUND_LEASE,
    })
  }
}

async function moveTag(tx: Transaction, id: RepositoryId, seen: TagRow, digest: Digest): Promise<void> {
  if (!(await moveTagAsSeen(tx, id, seen, digest))) return
  await endTagInterval(tx, id, seen.name)
  await beginTagInterval(tx, id, seen.name, digest, ANOTHER_REGISTRY)
  await reviewManifest(tx, id, seen.digest)
}

/** Marks the path, so that it is written after the commit. */
function repair(
  tx: Transaction,
  id: RepositoryId,
  change: TreeChange & { readonly kind: 'repair' },
): Promise<void> {
  const mark = pathOf(id, change)
  return mark === null ? Promise.resolve() : markTree(tx, mark, { before: null, after: change.digest })
}

/** What another registry deleted lies in the trash as if it had been deleted here. Nothing is marked: the tree shows it already. */
async function takeAway(tx: Transaction, id: RepositoryId, found: readonly TreeChange[]): Promise<void> {
  for (const change of found) {
    if (change.kind === 'tag gone') await takeTagAway(tx, id, change.seen)
    if (change.kind === 'manifest gone') await takeManifestAway(tx, id, change.digest)
    if (change.kind === 'bytes gone') {
      await forgetLostBlob(tx, change.digest, change.epoch)
      await noteBlobUsage(tx, [{ repository: 0, digest: change.digest }])
    }
    if (change.kind === 'link gone' && (await unlinkBlob(tx, id, change.digest))) {
      const { digest } = change
      await noteBlobUsage(tx, [{ repository: id, digest }])
      await scheduleReview(tx, { repository: 0, digest, reason: 'link dropped', dueAt: tx.now + FOUND_LEASE })
    }
  }
}

async function takeTagAway(tx: Transaction, id: RepositoryId, seen: TagRow): Promise<void> {
  if (!(await deleteTagAsSeen(tx, id, seen))) return
  await trashTag(tx, await createTrash(tx, id, 'tag', ANOTHER_REGISTRY), seen.name, seen.digest)
  await endTagInterval(tx, id, seen.name)
  await reviewManifest(tx, id, seen.digest)
}

async function takeManifestAway(tx: Transaction, id: RepositoryId, digest: Digest): Promise<void> {
  const trash = await createTrash(tx, id, 'manifest', ANOTHER_REGISTRY)
  await trashManifest(tx, trash, id, digest)
  await deleteManifest(tx, id, digest)
  await noteManifestUsage(tx, id, [digest])
  for (;;) {
    const tags = await deleteTagsOf(tx, id, digest, TAGS_AT_ONCE)
    for (const tag of tags) {
      await trashTag(tx, trash, tag, digest)
      await endTagInterval(tx, id, tag)
    }
    if (tags.length < TAGS_AT_ONCE) break
  }
  await reviewManifest(tx, id, digest)
}

function reviewManifest(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return scheduleReview(tx, {
    repository,
    digest,
    reason: 'changed by another registry',
    dueAt: tx.now + FOUND_LEASE,
  })
}

function each<Kind extends TreeChange['kind'], Part>(
  changes: readonly TreeChange[],
  kind: Kind,
  part: (change: Extract<TreeChange, { readonly kind: Kind }>) => Part,
): Part[] {
  return changes.flatMap((change) =>
    change.kind === kind ? [part(change as Extract<TreeChange, { readonly kind: Kind }>)] : [],
  )
}
