/**
 * Bytes under `blobs/` that the database does not know: of a push that is under way, of one that collection will look at,
 * or left behind, which is handed to collection. Nothing is deleted here.
 */
import { listClosingUploads } from '../../metadata/explanation.ts'
import { findReviewTime, findStoredBlob, hasPayload } from '../../metadata/verification.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { blobDataPath, blobsFolder } from '../../storage/layout.ts'
import { findStoredFolder } from '../gc/stored-digests.ts'
import { Findings } from '../tree/findings.ts'
import { listOwn } from '../tree/odd-entries.ts'
import { type FindingKind, finding } from './finding.ts'
import { tellForeign } from './foreign.ts'
import type { Look, Position } from './look.ts'
import { reviewStrayCommand } from './repair.commands.ts'

/** `part` is the folder that was gone through last, and `after` a digest in the one behind it. */
export async function lookAtStrays(look: Look, from: Position): Promise<Position | null> {
  const { tree } = look.registry
  if (tree === null) return null
  const folder = await findStoredFolder(tree.files, from.part)
  if (folder === null) return null
  let { after } = from
  if (after === '') await tellForeignIn(look, `${blobsFolder}/${folder.place}`)
  for (const digest of folder.digests.filter((each) => each > from.after)) {
    if (look.isOver) return { ...from, after }
    await look.at(blobDataPath(digest), () => lookAtDigest(look, digest), undefined)
    look.count('storedDigests')
    after = digest
  }
  return { ...from, part: folder.place, after: '' }
}

async function tellForeignIn(look: Look, folder: string): Promise<void> {
  const { tree } = look.registry
  if (tree === null) return
  const reader = { files: tree.files, findings: new Findings() }
  const algorithm = folder.slice(0, folder.lastIndexOf('/')).slice(blobsFolder.length + 1)
  await listOwn(reader, folder, (hex) => isDigest(`${algorithm}:${hex}`))
  tellForeign(look, reader)
}

async function lookAtDigest(look: Look, digest: Digest): Promise<void> {
  if (await isKnown(look, digest)) return
  const found = await look.registry.tree?.files.stat(blobDataPath(digest))
  // An empty folder is left where content was. And what was pushed meanwhile is known by now.
  if (found === null || found === undefined || (await isKnown(look, digest))) return
  const [kind, state] = await kindOf(look, digest, found.modifiedAt)
  const path = blobDataPath(digest)
  const told = finding(kind, `${path} (${found.size} bytes) is in no image: ${state}.`, { digest, path })
  if (!look.options.repair || kind !== 'bytes left behind') return look.tell(told)
  await look.registry.database.write(reviewStrayCommand, { digest })
  look.tell({ ...told, repair: 'It was handed to collection, which deletes it if nobody pushes it.' })
}

async function kindOf(
  { read, registry }: Look,
  digest: Digest,
  modifiedAt: number,
): Promise<readonly [FindingKind, string]> {
  const dueAt = await findReviewTime(read, digest)
  if (dueAt !== null) {
    return ['bytes waiting for collection', `collection looks at it from ${new Date(dueAt).toISOString()} on`]
  }
  const isYoung = modifiedAt > Date.now() - registry.policy.collection.lease
  // A file's time is that of its last byte, which may have come long before the push ends.
  if (isYoung || (await listClosingUploads(read, digest, 1)).length > 0) {
    return ['bytes being pushed', 'a push may be under way']
  }
  return ['bytes left behind', 'a push that was broken off, or another registry, has left it behind']
}

async function isKnown({ read }: Look, digest: Digest): Promise<boolean> {
  return (await findStoredBlob(read, digest)) !== null || (await hasPayload(read, digest))
}
