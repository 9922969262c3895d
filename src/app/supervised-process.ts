/**
 * One child process that must run for as long as the supervisor wants: started, started again when it ends
 * (later each time), given up when it cannot stay up, and stopped on request. It knows nothing of what the
 * child does; settings go to it by message, for an argument would show a password to everybody.
 *
 * The child speaks first: a message to a process that does not listen yet would be lost.
 */
import type { Subprocess } from 'bun'
import { messageOf } from '../lib/thrown.ts'
import type { Log } from '../observability/log.ts'

/** What the supervisor tells a child. */
export type MessageToChild<Start> =
  | { readonly kind: 'start'; readonly start: Start }
  | { readonly kind: 'stop'; readonly graceMilliseconds: number }
  /** To be answered with the same number. */
  | { readonly kind: 'ask'; readonly number: number; readonly question: unknown }

/** What a child tells the supervisor. */
export type MessageFromChild =
  | { readonly kind: 'hello' }
  /** It works, and can be reached at this address (a URL, or the path of a socket). */
  | { readonly kind: 'ready'; readonly address: string }
  /** It cannot start or go on, and why, in a sentence for the person; it waits to be ended. */
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: number }
  | { readonly kind: 'answer'; readonly number: number; readonly answer: unknown }
  /** What it was asked could not be answered; the sentence is for the log. */
  | { readonly kind: 'no-answer'; readonly number: number; readonly why: string }

export interface ProcessPlan<Start> {
  /** `worker-2`: how log lines call it. */
  readonly name: string
  readonly command: readonly string[]
  /** What it is told each time that it begins. */
  start(): Start
  readonly log: Log
  /** It ended again and again: nothing more will be tried. */
  readonly onGivenUp: (error: ChildFailed) => void
}

/** A child could not start or would not stay up. The message is a sentence for the person. */
export class ChildFailed extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.name = 'ChildFailed'
    this.exitCode = exitCode
  }
}

/** A child did not answer what it was asked: it did not run, ended meanwhile, took too long, or could not. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** Whether the question reached it, so that it may have done what it was asked for. */
  readonly wasAsked: boolean

  constructor(message: string, wasAsked = true) {
    super(message)
    this.wasAsked = wasAsked
  }
}

const ANSWER_WITHIN = 10_000
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000
/** A child that lived this long was well: what it dies of now is something new. */
const WELL_AFTER = 10_000
const MOST_QUICK_ENDS = 6

export class SupervisedProcess<Start> {
  readonly #plan: ProcessPlan<Start>
  #child: Subprocess | null = null
  #startedAt = 0
  #quickEnds = 0
  #failure: ChildFailed | null = null
  #isStopping = false
  #pause: ReturnType<typeof setTimeout> | null = null
  readonly #firstReady = Promise.withResolvers<string>()
  #wasReady = false
  readonly #ended = Promise.withResolvers<void>()
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>()
  #lastNumber = 0

  constructor(plan: ProcessPlan<Start>) {
    this.#plan = plan
  }

  /** Resolves with the child's address when it works for the first time. Throws ChildFailed when it never does. */
  start(): Promise<string> {
    this.#spawn()
    return this.#firstReady.promise
  }

  get name(): string {
    return this.#plan.name
  }

  get pid(): number | null {
    return this.#child?.pid ?? null
  }

  /** Asks the child something that it answers with plain data. Throws NoAnswer. */
  async ask(question: unknown, within = ANSWER_WITHIN): Promise<unknown> {
    const { name } = this.#plan
    if (this.#child === null) throw new NoAnswer(`${name} does not run now`, false)
    const number = ++this.#lastNumber
    const answer = Promise.withResolvers<unknown>()
    this.#asked.set(number, answer)
    const late = () => answer.reject(new NoAnswer(`${name} did not answer within ${within} ms`))
    const timer = setTimeout(late, within)
    this.#tell({ kind: 'ask', number, question })
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
      this.#asked.delete(number)
    }
  }

  /** Asks the child to end within the grace, ends it half a second later by force, and resolves when it is gone. */
  async stop(graceMilliseconds: number): Promise<void> {
    this.#forgetRestart()
    const deadline = setTimeout(() => this.kill(), graceMilliseconds + 500)
    this.#tell({ kind: 'stop', graceMilliseconds })
    await this.#ended.promise
    clearTimeout(deadline)
  }

  /** Ends the child at once, for good. */
  kill(): void {
    this.#forgetRestart()
    this.#child?.kill('SIGKILL')
  }

  #forgetRestart(): void {
    this.#isStopping = true
    if (this.#pause !== null) clearTimeout(this.#pause)
    if (this.#child === null) this.#ended.resolve()
  }

  /** A system that has no process to give just now (EAGAIN, ENOMEM) counts as a child that ended at once. */
  #spawn(): void {
    this.#startedAt = performance.now()
    this.#failure = null
    try {
      this.#child = Bun.spawn({
        cmd: [...this.#plan.command],
        stdio: ['ignore', 'inherit', 'inherit'],
        ipc: (message: MessageFromChild) => this.#heard(message),
        onExit: (child) => this.#exited(child),
      })
    } catch (error) {
      this.#endedByItself(`could not be started (${messageOf(error)})`)
    }
  }

  #heard(message: MessageFromChild): void {
    if (message.kind === 'hello') {
      this.#tell({ kind: 'start', start: this.#plan.start() })
    } else if (message.kind === 'ready') {
      this.#becameReady(message.address)
    } else if (message.kind === 'answer') {
      this.#asked.get(message.number)?.resolve(message.answer)
    } else if (message.kind === 'no-answer') {
      this.#asked.get(message.number)?.reject(new NoAnswer(message.why))
    } else {
      this.#failure = new ChildFailed(message.message, message.exitCode)
      this.#child?.kill('SIGKILL')
    }
  }

  #becameReady(address: string): void {
    if (this.#wasReady) this.#plan.log.info({ pid: this.pid }, `${this.#plan.name} works again`)
    this.#wasReady = true
    this.#firstReady.resolve(address)
  }

  #tell(message: MessageToChild<Start>): void {
    try {
      this.#child?.send(message)
    } catch {
      // It has just ended; #exited hears of it.
    }
  }

  #exited(child: Subprocess): void {
    this.#child = null
    for (const { reject } of this.#asked.values()) reject(new NoAnswer(`${this.#plan.name} has just ended`))
    if (this.#isStopping) this.#ended.resolve()
    else this.#endedByItself(describeEnd(child))
  }

  #endedByItself(how: string): void {
    const { name, log } = this.#plan
    const wasWell = performance.now() - this.#startedAt > WELL_AFTER
    this.#quickEnds = wasWell ? 1 : this.#quickEnds + 1
    if (this.#quickEnds >= MOST_QUICK_ENDS || (this.#failure !== null && !this.#wasReady)) {
      this.#giveUp(this.#failure ?? new ChildFailed(`${name} ${how}, ${this.#quickEnds} times in a row`, 1))
      return
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** (this.#quickEnds - 1), LONGEST_PAUSE)
    const what = this.#failure === null ? how : `failed (${this.#failure.message})`
    log.warn({}, `${name} ${what}; starting it again in ${pause} ms`)
    this.#pause = setTimeout(() => this.#spawn(), pause)
  }

  /** What has never worked is not tried again once it has said why. */
  #giveUp(error: ChildFailed): void {
    this.#isStopping = true
    this.#ended.resolve()
    if (this.#wasReady) this.#plan.onGivenUp(error)
    else this.#firstReady.reject(error)
  }
}

function describeEnd(child: Subprocess): string {
  if (child.signalCode !== null) return `was ended by ${child.signalCode}`
  return `ended with exit code ${child.exitCode}`
}
