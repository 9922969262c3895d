/**
 * Messages over a byte stream: four bytes of length, then the message as structured clone writes it.
 * Both ends are processes of one Berth on one machine, behind a socket that only its owner may open.
 */
import { deserialize, serialize } from 'node:v8'

const HEADER_BYTES = 4
/** Far above any command: the largest carries a manifest of 4 MiB. */
const LARGEST_FRAME = 64 * 1024 * 1024

/** Throws when the message holds something that is not plain data, or is too large. */
export function encodeFrame(message: unknown): Buffer {
  const body = serialize(message)
  if (body.length > LARGEST_FRAME)
    throw new Error(`a message of ${body.length} bytes is too large for the writer`)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  frame.writeUInt32LE(body.length)
  frame.set(body, HEADER_BYTES)
  return frame
}

/** Cuts a stream of bytes into messages, whatever the pieces it comes in. */
export class FrameDecoder {
  #pieces: Buffer[] = []
  #length = 0

  /** The messages that are complete with this piece. Throws on what no Berth writes: the stream is lost then. */
  take(piece: Uint8Array): unknown[] {
    this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length))
    this.#length += piece.length
    const bytes = this.#length < this.#needed() ? null : Buffer.concat(this.#pieces)
    const messages: unknown[] = []
    let start = 0
    for (let end = frameEnd(bytes, start); bytes && end !== null; end = frameEnd(bytes, start)) {
      messages.push(deserialize(bytes.subarray(start + HEADER_BYTES, end)))
      start = end
    }
    if (bytes) this.#pieces = [bytes.subarray(start)]
    this.#length -= start
    return messages
  }

  /** How many bytes the first frame has, as far as that is known: large messages are joined only once. */
  #needed(): number {
    const first = this.#pieces[0]
    return first === undefined || first.length < HEADER_BYTES ? HEADER_BYTES : frameLength(first, 0)
  }
}

/** Where the frame that starts here ends, or null when it is not all there yet. */
function frameEnd(bytes: Buffer | null, start: number): number | null {
  if (bytes === null || bytes.length < start + HEADER_BYTES) return null
  const end = start + frameLength(bytes, start)
  return end <= bytes.length ? end : null
}

function frameLength(bytes: Buffer, start: number): number {
  const length = bytes.readUInt32LE(start)
  if (length <= LARGEST_FRAME) return HEADER_BYTES + length
  throw new Error(`a frame of ${length} bytes: the other end is not a Berth of this version`)
}

/** The part of a socket that takes bytes: it may take fewer than it is given. */
interface ByteSink {
  write(bytes: Uint8Array): number
}

/** Writes frames in order, keeping what the socket does not take yet. Frames of one turn go out together. */
export class FrameWriter {
  readonly #sink: ByteSink
  #waiting: Buffer[] = []
  #scheduled = false
  #blocked = false

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  send(frame: Buffer): void {
    this.#waiting.push(frame)
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** To be called when the socket takes bytes again. */
  flush(): void {
    if (this.#waiting.length === 0) return
    const [only, ...others] = this.#waiting
    const bytes = only && others.length === 0 ? only : Buffer.concat(this.#waiting)
    const taken = Math.max(0, this.#sink.write(bytes))
    this.#blocked = taken < bytes.length
    this.#waiting = this.#blocked ? [bytes.subarray(taken)] : []
  }
}
