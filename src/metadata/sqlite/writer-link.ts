/**
 * Both ends of the conversation between a database and its writer, over any channel that carries messages.
 *
 * Invariant: every command is answered once. When the channel breaks, nobody knows what became of the
 * commands that were sent: they fail with WriterUnavailable. The others wait for a new channel, but not for ever.
 */
import { WriterUnavailable } from '../database.ts'
import type { CommandCatalog } from './catalog.ts'
import { isFailedSync } from './statements.ts'
import { type ErrorClass, errorFromData, errorToData, type FromWriter, type ToWriter } from './wire.ts'
import type { CommandRunner } from './writer.ts'

export interface LinkOptions {
  /** Errors that a command or its settling may end with, beside those of this layer. */
  readonly errors?: readonly ErrorClass[]
  /** How long a command waits for a writer to be there; 5 s unless told. */
  readonly patienceMs?: number
  /** How long it then waits for the answer; 60 s unless told. */
  readonly answerMs?: number
}

/** The database's end of a channel that works now. */
export interface Channel {
  /** Throws when the message holds something that is not plain data. */
  send(message: ToWriter): void
}

interface Pending {
  readonly message: ToWriter & { readonly kind: 'command' }
  deadline: number
  sent: boolean
  resolve(output: unknown): void
  reject(error: unknown): void
}

/** The database's end: survives any number of channels, one at a time. */
export class WriterLink {
  readonly #errors: readonly ErrorClass[]
  readonly #patienceMs: number
  readonly #answerMs: number
  readonly #pending = new Map<number, Pending>()
  #channel: Channel | null = null
  #lastId = 0
  #timer: NodeJS.Timeout | null = null
  #refusal: WriterUnavailable | null = null
  #whenIdle: (() => void) | null = null

  constructor(options: LinkOptions = {}) {
    this.#errors = options.errors ?? []
    this.#patienceMs = options.patienceMs ?? 5000
    this.#answerMs = options.answerMs ?? 60_000
  }

  /** Has the writer run a command by its name. Rejects with what refused it, or with WriterUnavailable. */
  submit(name: string, input: unknown): Promise<unknown> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const deadline = performance.now() + this.#patienceMs
      const pending: Pending = {
        message: { kind: 'command', id, name, input },
        deadline,
        sent: false,
        resolve,
        reject,
      }
      this.#pending.set(id, pending)
      this.#timer ??= setInterval(() => this.#expire(), Math.min(1000, this.#patienceMs / 4))
      if (this.#channel) this.#send(pending, this.#channel)
    })
  }

  /** A writer can be reached now: what waits goes to it. */
  attach(channel: Channel): void {
    this.#channel = channel
    for (const pending of this.#pending.values()) this.#send(pending, channel)
  }

  /** The channel is broken. The reason is a sentence for whoever waits for an answer. */
  detach(reason: string): void {
    this.#channel = null
    for (const pending of [...this.#pending.values()]) {
      if (pending.sent) this.#settle(pending, () => pending.reject(new WriterUnavailable(reason)))
    }
  }

  receive(message: FromWriter): void {
    if (message.kind !== 'output' && message.kind !== 'error') return
    const pending = this.#pending.get(message.id)
    if (!pending) return
    this.#settle(pending, () => {
      if (message.kind === 'output') pending.resolve(message.output)
      else pending.reject(errorFromData(message.error, this.#errors))
    })
  }

  /** No writer will come any more: refuses what waits and whatever else is asked. */
  refuse(refusal: WriterUnavailable): void {
    this.detach(refusal.message)
    this.#refusal = refusal
    for (const pending of [...this.#pending.values()]) this.#settle(pending, () => pending.reject(refusal))
  }

  /** Takes no more commands, and resolves when all that were taken have been answered. */
  async drain(): Promise<void> {
    this.#refusal ??= new WriterUnavailable('The database is closed.')
    if (this.#pending.size === 0) return
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve
    })
  }

  #send(pending: Pending, channel: Channel): void {
    try {
      channel.send(pending.message)
      pending.sent = true
      pending.deadline = performance.now() + this.#answerMs
    } catch (error) {
      this.#settle(pending, () => pending.reject(error))
    }
  }

  #expire(): void {
    const now = performance.now()
    for (const pending of [...this.#pending.values()]) {
      if (pending.deadline > now) continue
      const reason = pending.sent ? 'does not answer' : 'is not running'
      const error = new WriterUnavailable(
        `The writer of the database ${reason}. Please try again in a moment.`,
      )
      this.#settle(pending, () => pending.reject(error))
    }
  }

  #settle(pending: Pending, answer: () => void): void {
    this.#pending.delete(pending.message.id)
    answer()
    if (this.#pending.size > 0) return
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#whenIdle?.()
  }
}

/**
 * The writer's end: runs one command and sends its answer. Resolves with the error after which this writer
 * must end, so that another one opens the database afresh; else with null.
 */
export async function answerCommand(
  { id, name, input }: ToWriter & { readonly kind: 'command' },
  writer: CommandRunner,
  catalog: CommandCatalog,
  send: (answer: FromWriter) => void,
): Promise<Error | null> {
  try {
    send({ kind: 'output', id, output: await writer.submit(catalog.get(name), input) })
    return null
  } catch (error) {
    send({ kind: 'error', id, error: errorToData(error) })
    return isFailedSync(error) ? error : null
  }
}
