/** Upload ids. They name sessions in URLs, rows and files, so the grammar keeps them safe as a file name. */
import { RegistryError } from './errors.ts'

/** A random UUID (RFC 9562 §5.4) in lower case, so that nobody guesses another's. */
export type UploadId = string & { readonly kind: 'upload-id' }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function newUploadId(): UploadId {
  return crypto.randomUUID() as UploadId
}

/** Throws BLOB_UPLOAD_UNKNOWN: what is no id cannot be the id of an upload. */
export function parseUploadId(text: string): UploadId {
  const id = findUploadId(text)
  if (id !== null) return id
  throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
}

/** As `parseUploadId`, but null for what is no id: for files that may be anything. */
export function findUploadId(text: string): UploadId | null {
  return UUID.test(text) ? (text as UploadId) : null
}
