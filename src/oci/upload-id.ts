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
  if (UUID.test(text)) return text as UploadId
  throw new RegistryError('BLOB_UPLOAD_UNKNOWN')
}
