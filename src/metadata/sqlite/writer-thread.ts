/**
 * The writer as a thread of the program: `serveThread` inside it, `WriterThread` outside. A thread that dies,
 * or whose disk has failed it, is started again; one that keeps dying is given up: writes are refused from
 * then on, and the program is told, for it had better end.
 * Where the thread comes from is the program's affair: in one executable it runs the program's own entry file.
 */
import { type AnyCommand, WriterUnavailable } from '../database.ts'
import { CommandCatalog } from './catalog.ts'
import { type ErrorClass, errorFromData, errorToData, type FromWriter, type ToWriter } from './wire.ts'
import type { CommandRunner } from './writer.ts'
import { answerCommand, type LinkOptions, WriterLink } from './writer-link.ts'

/** The thread's end of the channel: `self` in a worker. */
export interface ThreadPort {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/** The program's handle on a thread: a `Worker`. */
export interface Thread {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  addEventListener(type: 'error', listener: (event: ErrorEvent) => void): void
  addEventListener(type: 'close', listener: () => void): void
  terminate(): void
}

export interface ThreadDeath {
  readonly error: Error
  /** Why the thread died too often and is not started again; null when it is. */
  readonly givenUp: WriterUnavailable | null
}

export interface WriterThreadOptions extends LinkOptions {
  readonly spawn: () => Thread
  readonly onDeath: (death: ThreadDeath) => void
}

const DEATHS_LIMIT = 5
const DEATHS_WINDOW_MS = 60_000
const FIRST_PAUSE_MS = 50

/** Runs commands in this thread until the program asks it to stop. What `open` throws reaches the program, and so does a failed disk. */
export async function serveThread(
  port: ThreadPort,
  open: () => Promise<CommandRunner>,
  commands: readonly AnyCommand[],
): Promise<void> {
  const send = (message: FromWriter) => port.postMessage(message)
  try {
    const catalog = new CommandCatalog(commands)
    const writer = await open()
    await serveUntilClosed(port, writer, catalog, send)
    await writer.close()
    send({ kind: 'closed' })
  } catch (error) {
    send({ kind: 'failed', error: errorToData(error) })
  }
}

function serveUntilClosed(
  port: ThreadPort,
  writer: CommandRunner,
  catalog: CommandCatalog,
  send: (message: FromWriter) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (failure: Error | null) => {
      // Those who share the failed commit are answered first.
      if (failure !== null) setImmediate(() => reject(failure))
    }
    port.addEventListener('message', (event: MessageEvent<ToWriter>) => {
      if (event.data.kind === 'close') resolve()
      else void answerCommand(event.data, writer, catalog, send).then(end)
    })
    send({ kind: 'ready' })
  })
}

/** The writer's thread, kept alive. */
export class WriterThread {
  readonly link: WriterLink
  readonly #options: WriterThreadOptions
  readonly #deaths: number[] = []
  #life: Life
  #ending: Promise<void> | null = null
  #closing = false
  readonly #stopped: Promise<void>

  /** Resolves when the thread takes commands. Throws what kept it from opening the database. */
  static async start(options: WriterThreadOptions): Promise<WriterThread> {
    const link = new WriterLink(options)
    const life = new Life(options.spawn(), link, options.errors ?? [])
    await life.ready
    return new WriterThread(options, link, life)
  }

  private constructor(options: WriterThreadOptions, link: WriterLink, life: Life) {
    this.#options = options
    this.link = link
    this.#life = life
    this.#stopped = this.#keepAlive()
  }

  /** Lets the commands that were taken end, then the thread. Safe to call twice. */
  close(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    await this.link.drain()
    this.#closing = true
    await this.#life.askToClose()
    await this.#stopped
  }

  async #keepAlive(): Promise<void> {
    for (;;) {
      const error = await this.#life.ended
      this.link.detach(`The writer of the database died (${error.message}). Please try again.`)
      if (this.#closing) return
      const givenUp = this.#mayRestart() ? null : tooManyDeaths(error)
      if (givenUp !== null) this.link.refuse(givenUp)
      this.#options.onDeath({ error, givenUp })
      if (givenUp !== null) return
      await Bun.sleep(FIRST_PAUSE_MS * 2 ** (this.#deaths.length - 1))
      if (this.#closing) return
      this.#life = new Life(this.#options.spawn(), this.link, this.#options.errors ?? [])
    }
  }

  #mayRestart(): boolean {
    const now = performance.now()
    while (this.#deaths[0] !== undefined && this.#deaths[0] < now - DEATHS_WINDOW_MS) this.#deaths.shift()
    return this.#deaths.push(now) < DEATHS_LIMIT
  }
}

function tooManyDeaths(error: Error): WriterUnavailable {
  return new WriterUnavailable(
    `The writer of the database died ${DEATHS_LIMIT} times within a minute and was not started again ` +
      `(the last time: ${error.message}). Mend the cause and restart Berth.`,
    { cause: error },
  )
}

/** One thread from its start to its end. */
class Life {
  readonly ready: Promise<void>
  /** Resolves when the thread is gone, with the reason. */
  readonly ended: Promise<Error>
  readonly #thread: Thread
  #cause: Error = new Error('its thread ended')

  constructor(thread: Thread, link: WriterLink, errors: readonly ErrorClass[]) {
    this.#thread = thread
    this.ended = new Promise((resolve) => thread.addEventListener('close', () => resolve(this.#cause)))
    thread.addEventListener('error', (event) => this.#kill(new Error(messageIn(event.message))))
    this.ready = new Promise((resolve, reject) => {
      void this.ended.then(reject)
      thread.addEventListener('message', ({ data }: MessageEvent<FromWriter>) => {
        if (data.kind === 'failed') this.#kill(errorFromData(data.error, errors))
        else if (data.kind === 'closed') thread.terminate()
        else link.receive(data)
        if (data.kind !== 'ready') return
        link.attach({ send: (message) => thread.postMessage(message) })
        resolve()
      })
    })
    this.ready.catch(() => undefined)
  }

  /** A thread hears nothing before it is ready. */
  async askToClose(): Promise<void> {
    const close: ToWriter = { kind: 'close' }
    await this.ready.then(
      () => this.#thread.postMessage(close),
      () => undefined,
    )
  }

  #kill(cause: Error): void {
    this.#cause = cause
    this.#thread.terminate()
  }
}

/** An uncaught error arrives as text, with the source around it. */
function messageIn(text: string): string {
  return /error: (.*)/.exec(text)?.[1] ?? text
}
