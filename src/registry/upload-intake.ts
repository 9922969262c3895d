/** Takes the body of one request in: hashes it as it comes, and hands it to the storage. */
import { RegistryError } from '../oci/errors.ts'
import type { UploadWriter } from '../storage/blob-store.ts'
import type { RunningHash } from './live-uploads.ts'

/** What came of taking a body in. */
export interface Intake {
  /** Bytes. */
  readonly arrived: number
  /** What broke the body off, or null. */
  readonly error: unknown
}

/** Hashes and writes until the body ends or fails. The writer keeps its own error for `close`. */
export async function takeIn(
  body: AsyncIterable<Uint8Array>,
  hash: RunningHash | null,
  writer: UploadWriter,
): Promise<Intake> {
  let arrived = 0
  try {
    for await (const chunk of body) {
      const { length } = chunk
      hash?.update(chunk)
      await writer.write(chunk)
      arrived += length
    }
    return { arrived, error: null }
  } catch (error) {
    return { arrived, error }
  }
}

/** A body of another length than was announced is a mistake on the way: none of it counts. Throws SIZE_INVALID. */
export function requireLength(announced: number | undefined, arrived: number): void {
  if (announced === undefined || announced === arrived) return
  throw new RegistryError(
    'SIZE_INVALID',
    `Content-Range names ${announced} bytes, but ${arrived} came: nothing of them was kept. Send the chunk again.`,
  )
}
