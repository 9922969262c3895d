/**
 * One HTTP/1.1 connection that costs the client little: bodies are generated as the socket takes them, and
 * counted or hashed as they come, so that the server is what limits the speed. One request at a time.
 */
import type { Socket } from 'bun'
import { BLOCK_BYTES, type GeneratedBlob, newBlock, numberBlock } from './blob.ts'

export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  /** Bytes of the body. */
  readonly length: number
}

interface Waiting {
  readonly method: string
  readonly onBody: (bytes: Uint8Array) => void
  readonly answered: PromiseWithResolvers<Answer>
  head: string
  answer: { status: number; headers: Map<string, string>; announced: number } | null
  length: number
}

/** As Go's HTTP client frames what it copies. */
const FRAME_BYTES = 32 * 1024
const FRAMES = BLOCK_BYTES / FRAME_BYTES
const FRAME_HEAD = new TextEncoder().encode(`${FRAME_BYTES.toString(16)}\r\n`)
const FRAME_END = new TextEncoder().encode('\r\n')
const LAST_FRAME = new TextEncoder().encode('0\r\n\r\n')

export class Connection {
  #socket: Socket<undefined> | null = null
  #outgoing: Iterator<Uint8Array> | null = null
  #piece: Uint8Array = new Uint8Array(0)
  #waiting: Waiting | null = null

  private constructor() {}

  static async open(port: number): Promise<Connection> {
    const connection = new Connection()
    connection.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => connection.#receive(bytes),
        drain: () => connection.#send(),
        close: () => connection.#fail(new Error('the server closed the connection')),
        error: (_, error) => connection.#fail(error),
      },
    })
    return connection
  }

  /** Sends a request and waits for its answer. A body travels in chunks, as those of docker do. */
  ask(
    method: string,
    path: string,
    options: { readonly body?: GeneratedBlob; readonly onBody?: (bytes: Uint8Array) => void } = {},
  ): Promise<Answer> {
    const framing = options.body === undefined ? 'Content-Length: 0' : 'Transfer-Encoding: chunked'
    const head = `${method} ${path} HTTP/1.1\r\nHost: test\r\n${framing}\r\n\r\n`
    const answered = Promise.withResolvers<Answer>()
    const onBody = options.onBody ?? (() => {})
    this.#waiting = { method, onBody, answered, head: '', answer: null, length: 0 }
    this.#piece = new TextEncoder().encode(head)
    this.#outgoing = options.body === undefined ? null : framesOf(options.body)
    this.#send()
    return answered.promise
  }

  close(): void {
    this.#waiting = null
    this.#socket?.end()
  }

  /** Writes until the kernel takes no more. */
  #send(): void {
    for (;;) {
      const written = this.#socket?.write(this.#piece) ?? 0
      if (written < this.#piece.length) {
        this.#piece = this.#piece.subarray(Math.max(written, 0))
        return
      }
      const next = this.#outgoing?.next()
      this.#piece = new Uint8Array(0)
      if (next === undefined || next.done === true) return
      this.#piece = next.value
    }
  }

  #receive(bytes: Uint8Array): void {
    const waiting = this.#waiting
    if (waiting === null) return
    const body = waiting.answer === null ? receiveHead(waiting, bytes) : bytes
    if (waiting.answer === null) return
    waiting.length += body.length
    if (body.length > 0) waiting.onBody(body)
    const { status, headers, announced } = waiting.answer
    if (waiting.length < announced) return
    this.#waiting = null
    waiting.answered.resolve({ status, headers, length: waiting.length })
  }

  #fail(error: Error): void {
    this.#waiting?.answered.reject(error)
    this.#waiting = null
  }
}

/** Heeds the head of an answer, and gives what came of its body. */
function receiveHead(waiting: Waiting, bytes: Uint8Array): Uint8Array {
  const before = waiting.head.length
  waiting.head += new TextDecoder('latin1').decode(bytes)
  const end = waiting.head.indexOf('\r\n\r\n')
  if (end === -1) return bytes.subarray(bytes.length)
  const [statusLine = '', ...lines] = waiting.head.slice(0, end).split('\r\n')
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const announced = waiting.method === 'HEAD' ? 0 : Number(headers.get('content-length') ?? 0)
  waiting.answer = { status: Number(statusLine.split(' ')[1]), headers, announced }
  return bytes.subarray(end + 4 - before)
}

/** The blob in the frames of a chunked body. */
function* framesOf(blob: GeneratedBlob): Generator<Uint8Array> {
  const block = newBlock()
  const framed = new Uint8Array(BLOCK_BYTES + FRAMES * (FRAME_HEAD.length + FRAME_END.length))
  for (let frame = 0, at = 0; frame < FRAMES; frame++) {
    framed.set(FRAME_HEAD, at)
    framed.set(block.subarray(frame * FRAME_BYTES, (frame + 1) * FRAME_BYTES), at + FRAME_HEAD.length)
    framed.set(FRAME_END, at + FRAME_HEAD.length + FRAME_BYTES)
    at += FRAME_HEAD.length + FRAME_BYTES + FRAME_END.length
  }
  for (let index = 0; index < blob.blocks; index++) {
    numberBlock(framed.subarray(FRAME_HEAD.length), blob, index)
    yield framed
  }
  yield LAST_FRAME
}
