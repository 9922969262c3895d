/**
 * The two range headers of uploads, which are not those of RFC 9110 (distribution-spec, "Pushing a blob in
 * chunks"): a chunk says `Content-Range: <first>-<last>`, and the reply how far the upload is, `Range: 0-<last>`.
 */
import type { ByteRange } from '../lib/byte-range.ts'

/** A Content-Range that says nothing we could act on. */
export class BadContentRange extends Error {
  override readonly name = 'BadContentRange'
}

/** The header's own form, and the standard's (`bytes 0-99/*`), which some HTTP libraries write by themselves. */
const UPLOAD_RANGE = /^(?:bytes )?(\d{1,15})-(\d{1,15})(?:\/(\d+|\*))?$/

/** Where a chunk belongs in the upload, both ends included. Throws BadContentRange. */
export function parseUploadRange(header: string): ByteRange {
  const [, first, last, total = '*'] = UPLOAD_RANGE.exec(header.trim()) ?? []
  const offset = Number(first)
  const length = Number(last) - offset + 1
  // RFC 9110 §14.4: a total that the last byte is not inside of makes the header invalid.
  const isBeyondTotal = total !== '*' && Number(total) <= Number(last)
  if (first === undefined || length < 1 || isBeyondTotal) {
    throw new BadContentRange(
      `"${header}" is not the range of a chunk: write the first and the last byte, as in 0-1048575.`,
    )
  }
  return { offset, length }
}

/** How far an upload is. Clients take `0-0` for an empty one, and stumble over `0--1`. */
export function formatUploadRange(size: number): string {
  return `0-${Math.max(size - 1, 0)}`
}
