/**
 * The bytes of every manifest: those in the database have their digest, and the file in the tree, which other registries
 * read, is the same. Each side is mended from the other.
 */
import { findPayload } from '../../metadata/manifests.ts'
import { hasTreeDirt } from '../../metadata/tree.ts'
import { listPayloads } from '../../metadata/verification.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { blobDataPath } from '../../storage/layout.ts'
import { findManifestBytes } from '../tree/tree-content.ts'
import { finding, mended } from './finding.ts'
import { imagesWith } from './images.ts'
import type { Look, Position } from './look.ts'
import { dropPayloadCommand, mendPayloadCommand, showPayloadCommand } from './repair.commands.ts'

const ROWS_AT_ONCE = 200

export async function lookAtPayloads(look: Look, from: Position): Promise<Position | null> {
  const digests = await listPayloads(look.read, { after: from.after, limit: ROWS_AT_ONCE })
  let after = from.after
  for (const digest of digests) {
    if (look.isOver) return { ...from, after }
    await look.at(blobDataPath(digest), () => lookAtPayload(look, digest), undefined)
    look.count('manifests')
    after = digest
  }
  return digests.length < ROWS_AT_ONCE ? null : { ...from, after }
}

async function lookAtPayload(look: Look, digest: Digest): Promise<void> {
  const bytes = await findPayload(look.read, digest)
  if (bytes === null) return
  await look.limits.pace.spend(bytes.length, look.options.signal)
  if (isOf(bytes, digest)) await lookAtFile(look, digest, bytes)
  else await tellDamaged(look, digest)
}

/** The bytes in the database are not the manifest's. */
async function tellDamaged(look: Look, digest: Digest): Promise<void> {
  const message = `The bytes of the manifest ${digest} are damaged in the database. Push it again to repair it.`
  const found = finding('manifest bytes damaged', message, {
    digest,
    ...(await imagesWith(look.read, digest)),
  })
  if (!look.options.repair) return look.tell(found)
  if (await mendFromTree(look, digest)) return look.tell(mended(found, 'They were taken from its file.'))
  await look.registry.database.write(dropPayloadCommand, { digest })
  look.tell({ ...found, repair: 'They were forgotten, so that clients push the manifest again.' })
}

/** Takes a manifest's bytes from its file in the tree, where that has the right ones. */
export async function mendFromTree(look: Look, digest: Digest): Promise<boolean> {
  const { tree, database } = look.registry
  const bytes = tree === null ? null : await findManifestBytes(tree.files, digest)
  if (bytes === null || !isOf(bytes, digest)) return false
  await database.write(mendPayloadCommand, { digest, bytes })
  return true
}

async function lookAtFile(look: Look, digest: Digest, bytes: Uint8Array): Promise<void> {
  const kind = await wrongFile(look, digest, bytes)
  // It may have been written between the look at the mark and the look at the file.
  if (kind === null || (await wrongFile(look, digest, bytes)) === null) return
  const path = blobDataPath(digest)
  const what = kind === 'manifest file missing' ? 'is missing' : 'does not hold it'
  const message = `The file of the manifest ${digest} ${what}: pulls from this server work, from another registry on the same folder they would not.`
  const found = finding(kind, message, { digest, path, ...(await imagesWith(look.read, digest)) })
  if (!look.options.repair) return look.tell(found)
  await look.registry.database.write(showPayloadCommand, { digest })
  look.tell(mended(found, 'It was written again from the database.'))
}

type WrongFile = 'manifest file missing' | 'manifest file differs'

/** Null where the file is as it should be, or is being written. */
async function wrongFile(look: Look, digest: Digest, bytes: Uint8Array): Promise<WrongFile | null> {
  const { tree, database } = look.registry
  if (tree === null) return null
  if (await hasTreeDirt(database, { kind: 'payload', repositoryId: 0, key: digest })) return null
  const path = blobDataPath(digest)
  const found = await tree.files.stat(path)
  if (found === null) return (await findPayload(database, digest)) === null ? null : 'manifest file missing'
  if (found.size !== bytes.length) return 'manifest file differs'
  const content = look.options.deep ? await tree.files.read(path) : bytes
  return content !== null && Buffer.compare(content, bytes) === 0 ? null : 'manifest file differs'
}

function isOf(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest
}
