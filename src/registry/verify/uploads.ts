/** Uploads in progress: each has the bytes that were acknowledged, and no bytes lie there that belong to none. */
import { findUpload, findUploadByFile } from '../../metadata/uploads.ts'
import { listUploads, type StoredUpload } from '../../metadata/verification.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import { uploadPath } from '../../storage/layout.ts'
import { finding, mended } from './finding.ts'
import type { Look, Position } from './look.ts'

const ROWS_AT_ONCE = 200

export async function lookAtUploads(look: Look, from: Position): Promise<Position | null> {
  const rows = await listUploads(look.read, { after: from.after, limit: ROWS_AT_ONCE })
  for (const row of rows) {
    await look.at(uploadPath(row.file), () => lookAtUpload(look, row), undefined)
    look.count('uploads')
  }
  const last = rows.at(-1)
  return last === undefined || rows.length < ROWS_AT_ONCE ? null : { ...from, after: last.id }
}

async function lookAtUpload(look: Look, { id, file, received, isHeld }: StoredUpload): Promise<void> {
  if (isHeld || received === 0) return
  const size = await look.registry.blobs.uploadSize(file)
  if (size >= received) return
  const now = await findUpload(look.read, id)
  if (now === null || now.writer !== null || now.file !== file || now.received !== received) return
  const message = `The upload ${id} has ${size} of ${received} bytes that were acknowledged: its client is told so, and sends the rest again.`
  look.tell(finding('upload shorter than acknowledged', message, { path: uploadPath(file) }))
}

export function lookAtUploadFiles(look: Look, from: Position): Promise<Position | null> {
  return look.through(look.registry.blobs.listUploads(from.after), from, {
    nameOf: (file) => file,
    work: (file) => look.at(uploadPath(file), () => lookAtUploadFile(look, file), undefined),
  })
}

/** A row names its bytes before they are there, and until they are not needed. */
async function lookAtUploadFile(look: Look, file: UploadId): Promise<void> {
  if ((await findUploadByFile(look.read, file)) !== null) return
  const path = uploadPath(file)
  const found = finding('upload left behind', `${path} belongs to no upload any more.`, { path })
  if (!look.options.repair) return look.tell(found)
  await look.registry.blobs.discard(file)
  look.tell(mended(found, 'It was removed, as the next start would.'))
}
