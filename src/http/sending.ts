/**
 * Knows when the body of a reply has been sent, or cut. Bun sends files by itself and tells nobody when it has; but it
 * forgets the connection of a request that it is done with, and so it can be asked, more seldom the longer it takes.
 */
import type { Reply } from './reply.ts'

/** A request whose reply is on its way. */
export interface Sent {
  readonly signal: AbortSignal
  /** Is remembered, for afterwards nobody can be asked for it. */
  remoteAddress(): string | null
  /** Whether the server has nothing more to do with it. */
  isDone(): boolean
}

/** What is no longer is with the system, and as good as sent, when it is handed over. */
const SENT_AT_ONCE_BYTES = 64 * 1024
const SHORTEST_LOOK_MILLISECONDS = 2
const LONGEST_LOOK_MILLISECONDS = 100
/** Bun forgets the connection of a client that has gone a moment before it says that it has. */
const WORD_OF_CUT_MILLISECONDS = 1
/** The time that is told is longer than the true one by at most so much of it. */
const PRECISION = 0.1

/** Whether sending the reply's body takes a while that is worth knowing. */
export function takesTime(method: string, { body }: Reply): boolean {
  if (method === 'HEAD' || body === null || body.kind === 'bytes' || body.kind === 'redirect') return false
  return body.length > SENT_AT_ONCE_BYTES
}

/** All replies of a server that are being sent. */
export class Sending {
  #count = 0
  #settled: PromiseWithResolvers<void> | null = null

  /** Calls `end` once, when the reply has been sent or its client has gone. */
  watch(sent: Sent, end: () => void): void {
    const began = performance.now()
    sent.remoteAddress()
    let timer: Timer
    this.#count++
    const finish = () => {
      clearTimeout(timer)
      sent.signal.removeEventListener('abort', finish)
      this.#leave(end)
    }
    const look = () => {
      if (sent.isDone()) {
        timer = setTimeout(finish, WORD_OF_CUT_MILLISECONDS)
        return
      }
      const pause = (performance.now() - began) * PRECISION
      timer = setTimeout(
        look,
        Math.min(Math.max(pause, SHORTEST_LOOK_MILLISECONDS), LONGEST_LOOK_MILLISECONDS),
      )
    }
    timer = setTimeout(look, SHORTEST_LOOK_MILLISECONDS)
    sent.signal.addEventListener('abort', finish)
  }

  /** Resolves when none is on its way. */
  async settled(): Promise<void> {
    if (this.#count === 0) return
    this.#settled ??= Promise.withResolvers<void>()
    await this.#settled.promise
  }

  #leave(end: () => void): void {
    try {
      end()
    } finally {
      this.#count--
      if (this.#count === 0) {
        this.#settled?.resolve()
        this.#settled = null
      }
    }
  }
}
