/**
 * A client that takes a few bytes a second, and no more: Bun's own sockets take whatever the kernel has, so
 * this one is paused for good, and reads from the socket's descriptor itself.
 */
import { readSync } from 'node:fs'

const EVERY_MILLISECONDS = 200

export class SlowReader implements Disposable {
  readonly #socket: Bun.Socket
  readonly #byte = new Uint8Array(1)
  #received = ''
  #next = 0

  private constructor(socket: Bun.Socket) {
    this.#socket = socket
  }

  static async open(port: number, request: string): Promise<SlowReader> {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        open: (opened) => {
          opened.pause()
          opened.write(request)
        },
        data: () => {
          throw new Error('a paused socket was read')
        },
      },
    })
    return new SlowReader(socket)
  }

  get received(): string {
    return this.#received
  }

  /** Takes a byte if it is time to, and if there is one. */
  readIfDue(): void {
    if (performance.now() < this.#next) return
    this.#next = performance.now() + EVERY_MILLISECONDS
    try {
      const count = readSync(Number(Reflect.get(this.#socket, 'fd')), this.#byte)
      this.#received += new TextDecoder().decode(this.#byte.subarray(0, count))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}
