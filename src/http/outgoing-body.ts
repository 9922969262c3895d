/**
 * Bodies on their way out, as chunks: read, counted and started.
 *
 * Invariants: nothing is read ahead of the client, beyond one chunk; a source that is shorter or longer than
 * announced ends in an error, never in a valid short body; whoever stops early closes the source.
 * A chunk may be filled anew once the next one is asked for: Bun has sent it by then, or copied what is left.
 */
import { open } from 'node:fs/promises'
import type { FileContent } from '../lib/content.ts'
import type { LocalContent } from './reply.ts'

/** Large enough that reading costs little beside sending (0.5 CPU seconds a GiB; 1.0 with 64 KiB). */
const FILE_CHUNK = 256 * 1024

/** A source did not give as many bytes as it had announced. */
export class WrongLength extends Error {
  constructor(expected: number, found: string) {
    super(`a body of ${expected} bytes was announced, but its source gave ${found}`)
    this.name = 'WrongLength'
  }
}

/** The chunks of a source that must be `length` bytes in all. Throws WrongLength as soon as it is not. */
export async function* exactly(
  source: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void> {
  let given = 0
  for await (const chunk of source) {
    given += chunk.length
    if (given > length) throw new WrongLength(length, 'more')
    yield chunk
  }
  if (given < length) throw new WrongLength(length, `only ${given}`)
}

/** The chunks of any content that lies here; nothing is opened before the first one is asked for. */
export async function* readContent(content: LocalContent): AsyncGenerator<Uint8Array, void> {
  if (content.kind === 'bytes') yield content.bytes
  else if (content.kind === 'file') yield* exactly(readFile(content), content.length)
  else yield* exactly(content.open(), content.length)
}

async function* readFile({ path, offset, length }: FileContent): AsyncGenerator<Uint8Array, void> {
  const file = await open(path, 'r')
  try {
    const chunk = new Uint8Array(Math.min(FILE_CHUNK, length))
    const end = offset + length
    for (let position = offset; position < end; ) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, end - position), position)
      if (bytesRead === 0) return
      position += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/**
 * Waits for a source's first chunk, and rejects if that fails; what fails later goes to `failed` as well.
 * The body made of it closes the source as soon as its reader is gone, even before the first chunk was taken.
 */
export async function started(
  source: AsyncGenerator<Uint8Array, void>,
  failed: (error: unknown) => void,
): Promise<AsyncIterable<Uint8Array>> {
  let first: IteratorResult<Uint8Array, void> | null = await source.next()
  const next = async (): Promise<IteratorResult<Uint8Array, void>> => {
    if (first === null) return source.next().catch((error) => fail(error, failed))
    const taken = first
    first = null
    return taken
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: () => source.return() }) }
}

/** Throws in a turn of its own: Bun prints what is thrown in the turn in which it asked for the chunk. */
async function fail(error: unknown, failed: (error: unknown) => void): Promise<never> {
  failed(error)
  await new Promise<void>((resolve) => setImmediate(resolve))
  throw error
}
