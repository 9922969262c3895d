/**
 * Compression of streams by Zstandard (RFC 8878), a chunk a frame: so the memory that it takes is that of a chunk, and
 * `zstd -d` reads the result, for frames may follow each other. The work is done on the pool.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'

/** Each chunk becomes one frame: give large ones. */
export async function* compressed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield await Bun.zstdCompress(chunk)
}

/** Throws where the bytes are no such frames. An end in the middle of a frame is not told: what is inside must have an end of its own. */
export async function* decompressed(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decompress = createZstdDecompress()
  const feeding = pipeline(Readable.from(bytes), decompress)
  // What goes wrong there is thrown by the loop too.
  feeding.catch(() => undefined)
  for await (const chunk of decompress) yield chunk as Uint8Array
  await feeding
}
