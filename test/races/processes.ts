/** The processes of a race on SQLite, as their parent has them. They end with it. */
import { join } from 'node:path'
import type { FromParty, FromWriter, Task, ToParty, ToWriter, Volume } from './messages.ts'
import type { Outcome } from './outcome.ts'
import type { Step, Turns } from './track.ts'

/** A child that says `ready` first. */
class Child<From extends { readonly kind: string }, To> implements AsyncDisposable {
  readonly #child: Bun.Subprocess
  readonly #ready = Promise.withResolvers<void>()

  constructor(program: string, volume: Volume, heard: (message: From) => void) {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, program), JSON.stringify(volume)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      serialization: 'advanced',
      ipc: (message: From) => (message.kind === 'ready' ? this.#ready.resolve() : heard(message)),
      onExit: () => this.#ready.reject(new Error(`${program} has ended`)),
    })
    this.#ready.promise.catch(() => undefined)
  }

  untilReady(): Promise<void> {
    return this.#ready.promise
  }

  send(message: To): void {
    this.#child.send(message)
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#child.exited
  }
}

export class WriterProcess implements AsyncDisposable {
  readonly #child: Child<FromWriter, ToWriter>
  readonly #flushes = new Map<number, (failure: string | null) => void>()
  #number = 0

  static async start(volume: Volume): Promise<WriterProcess> {
    const writer = new WriterProcess(volume)
    await writer.#child.untilReady()
    return writer
  }

  private constructor(volume: Volume) {
    this.#child = new Child('writer-process.ts', volume, (message) => {
      if (message.kind === 'flushed') this.#flushes.get(message.number)?.(message.failure)
    })
  }

  async flush(): Promise<void> {
    const number = ++this.#number
    const flushed = Promise.withResolvers<string | null>()
    this.#flushes.set(number, flushed.resolve)
    this.#child.send({ kind: 'flush', number })
    const failure = await flushed.promise
    this.#flushes.delete(number)
    if (failure !== null) throw new Error(failure)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }
}

interface Running {
  readonly turns: Turns
  readonly stopsBefore: string | null
  readonly end: PromiseWithResolvers<Outcome>
}

export class PartyProcess implements AsyncDisposable {
  readonly #child: Child<FromParty, ToParty>
  readonly #writer: WriterProcess
  #running: Running | null = null

  static async start(volume: Volume, writer: WriterProcess): Promise<PartyProcess> {
    const party = new PartyProcess(volume, writer)
    await party.#child.untilReady()
    return party
  }

  private constructor(volume: Volume, writer: WriterProcess) {
    this.#writer = writer
    this.#child = new Child('party-process.ts', volume, (message) => this.#heard(message))
  }

  /** Before its turn for the step of this name comes, all of it is stopped. Throws what was no refusal. */
  run(task: Task, turns: Turns, stopsBefore: string | null): Promise<Outcome> {
    const end = Promise.withResolvers<Outcome>()
    this.#running = { turns, stopsBefore, end }
    this.#child.send({ kind: 'run', task })
    return end.promise
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }

  #heard(message: FromParty): void {
    const running = this.#running
    if (running === null || message.kind === 'ready') return
    const { number } = { number: 0, ...message }
    if (message.kind === 'ended') running.end.resolve(message.outcome)
    else if (message.kind === 'failed') running.end.reject(new Error(message.why))
    else if (message.kind === 'ask') this.#ask(running, message.step, number)
    else void this.#flush(number)
  }

  #ask({ turns, stopsBefore }: Running, step: Step, number: number): void {
    const isStopped = step.what === stopsBefore
    if (isStopped) this.#child.signal('SIGSTOP')
    void turns.take(step, async () => {
      if (isStopped) this.#child.signal('SIGCONT')
      this.#child.send({ kind: 'go', number })
    })
  }

  async #flush(number: number): Promise<void> {
    const failure = await this.#writer.flush().then(
      () => null,
      (error: unknown) => String(error),
    )
    this.#child.send({ kind: 'flushed', number, failure })
  }
}
