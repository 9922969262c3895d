/**
 * Runs jobs for as long as the server does: each when it is due, and never twice at once, whichever processes and
 * replicas share the database. A process claims a job for a lease, renews that while the job runs, and says what came of
 * it; where it dies, the lease lapses and another goes on. A run that fails is tried again later, each time later, and
 * the log has a line when that begins and one when it ends.
 *
 * A job does a bounded step each time, safe to run at any time and twice: a process that was stopped (SIGSTOP) wakes
 * up without its lease, and learns of it only with its next renewal.
 */
import { messageOf } from '../lib/thrown.ts'
import type { Database } from '../metadata/database.ts'
import type { Log } from '../observability/log.ts'
import { type Clock, WALL_CLOCK } from './clock.ts'
import { HeldJob, JobLost } from './held-job.ts'
import { JobCounts } from './job-counts.ts'
import { claimJobCommand, endJobCommand, type JobEnd } from './jobs.commands.ts'

export interface Job {
  /** As the log, the metrics and the table call it. */
  readonly name: string
  /** It is never due later than that, whatever an earlier run has said, under other settings or by another clock. */
  readonly atLatestMilliseconds: number
  /**
   * One bounded step. It ends early where the signal fires: the server stops, or the job has become another's.
   * Resolves with when it is to be done again.
   */
  run(signal: AbortSignal): Promise<{ readonly againInMilliseconds: number }>
}

export interface RunnerOptions {
  readonly jobs: readonly Job[]
  readonly database: Database
  /** This process among all that share the database. Its successor may have the same name once it is dead. */
  readonly process: string
  readonly log: Log
  /** Whether the operator is told of an error by somebody else: a full disk fails all jobs alike. Of none unless told. */
  readonly isTold?: (error: unknown) => boolean
  /** The machine's unless told. */
  readonly clock?: Clock
  /** How long a job may go on without being renewed; half a minute unless told. */
  readonly leaseMilliseconds?: number
}

const LEASE = 30_000
/** Nobody waits longer than this before looking whether a job is due, in milliseconds. */
const LONGEST_WAIT = 60 * 60_000
/** After so long at most the reason why a job failed is looked for again. */
const FIRST_BACK_OFF = 1_000
const LONGEST_BACK_OFF = 60_000
const AFTER_MISSED_DATABASE = 5_000
const MOST_JITTER = 1_000

export class JobRunner {
  readonly #options: RunnerOptions
  readonly #clock: Clock
  readonly #lease: number
  readonly #stopping = new AbortController()
  readonly #loops: readonly Promise<void>[]
  readonly #counts = new JobCounts()
  /** Those whose failing the log has been told of. */
  readonly #failing = new Set<string>()
  #isDatabaseMissed = false

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#clock = options.clock ?? WALL_CLOCK
    this.#lease = options.leaseMilliseconds ?? LEASE
    this.#loops = options.jobs.map((job) => this.#keepRunning(job))
  }

  /** What this process has run. */
  get counts(): JobCounts {
    return this.#counts
  }

  /** Begins nothing more, tells what runs to end, and resolves when it has. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#loops)
  }

  async #keepRunning(job: Job): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const milliseconds = await this.#takeTurn(job)
      await this.#clock.wait(Math.min(milliseconds, LONGEST_WAIT), signal)
    }
  }

  /** Gives after how many milliseconds to look again. */
  async #takeTurn(job: Job): Promise<number> {
    try {
      const { database } = this.#options
      const claim = await database.write(claimJobCommand, {
        ...this.#holder(job),
        lease: this.#lease,
        atLatest: job.atLatestMilliseconds,
      })
      this.#reachedDatabase()
      if (claim.kind === 'wait') return claim.milliseconds + this.#jitter(claim.milliseconds)
      const end = await this.#run(job, claim.failures)
      await database.write(endJobCommand, { ...this.#holder(job), end })
      return end.kind === 'stopped' ? 0 : end.againIn
    } catch (error) {
      return this.#missedDatabase(error)
    }
  }

  #holder({ name }: Job): { readonly name: string; readonly owner: string } {
    return { name, owner: this.#options.process }
  }

  async #run(job: Job, failuresBefore: number): Promise<JobEnd> {
    const began = this.#clock.now()
    const held = new HeldJob(this.#options.database, this.#clock, {
      ...this.#holder(job),
      lease: this.#lease,
    })
    this.#counts.began(job.name)
    try {
      const { againInMilliseconds } = await job.run(AbortSignal.any([this.#stopping.signal, held.over]))
      this.#succeeded(job, failuresBefore)
      return { kind: 'well', againIn: againInMilliseconds }
    } catch (error) {
      const wasTold = this.#stopping.signal.aborted || held.over.reason instanceof JobLost
      return wasTold ? { kind: 'stopped' } : this.#failed(job, failuresBefore, held.over.reason ?? error)
    } finally {
      held.letGo()
      this.#counts.ended(job.name, (this.#clock.now() - began) / 1000)
    }
  }

  #succeeded({ name }: Job, failuresBefore: number): void {
    this.#counts.succeeded(name)
    const wasTold = this.#failing.delete(name)
    if (wasTold || failuresBefore > 0) this.#options.log.info({ job: name }, 'a job that failed works again')
  }

  #failed({ name }: Job, failuresBefore: number, error: unknown): JobEnd {
    this.#counts.failed(name)
    const { log } = this.#options
    const fields = { job: name, error }
    if (this.#isTold(error)) log.debug(fields, 'a job failed of what has been told')
    else if (this.#failing.has(name)) log.debug(fields, 'a job failed again')
    else log.error(fields, 'a job failed; it is tried again until it works, and the log says when it does')
    this.#failing.add(name)
    return { kind: 'failed', againIn: this.#backOff(failuresBefore), error: messageOf(error) }
  }

  #reachedDatabase(): void {
    if (this.#isDatabaseMissed) this.#options.log.info({}, 'the jobs are done again')
    this.#isDatabaseMissed = false
  }

  /** The database is away for all jobs alike, so it is told once. */
  #missedDatabase(error: unknown): number {
    const isSilent = this.#stopping.signal.aborted || this.#isTold(error)
    if (!isSilent && !this.#isDatabaseMissed) {
      this.#options.log.error(
        { error },
        'the database does not take what is to be told of the jobs: they wait',
      )
    }
    this.#isDatabaseMissed ||= !isSilent
    return AFTER_MISSED_DATABASE + this.#jitter(AFTER_MISSED_DATABASE)
  }

  #isTold(error: unknown): boolean {
    return this.#options.isTold?.(error) ?? false
  }

  #backOff(failures: number): number {
    const longest = Math.min(FIRST_BACK_OFF * 2 ** failures, LONGEST_BACK_OFF)
    return Math.round((longest / 2) * (1 + this.#clock.random()))
  }

  #jitter(most: number): number {
    return Math.round(this.#clock.random() * Math.min(most, MOST_JITTER))
  }
}
