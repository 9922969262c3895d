/**
 * Collection, all the time, in small steps: after each one it rests three times as long as that took, so that whoever
 * pushes and pulls has the disk and the database for the most part, and the more so the busier they are. Where nothing
 * is to be done it waits until something is due, and looks at least once a minute.
 */
import type { Log } from '../observability/log.ts'
import { type Clock, WALL_CLOCK } from './clock.ts'
import type { Job } from './runner.ts'

/** One small step of collection. */
export type CollectStep = (signal: AbortSignal) => Promise<CollectedStep>

export interface CollectedStep {
  /** There was nothing to do. */
  readonly isIdle: boolean
  /** When there will be, in milliseconds since 1970; null where nothing waits. */
  readonly nextDueAt: number | null
  readonly deleted: number
  readonly freedBytes: number
  /** Why nothing is collected, as a sentence; null where it is. */
  readonly heldBy: string | null
}

export interface CollectionOptions {
  readonly collect: CollectStep
  /** The shortest time after which anything new may become due, in milliseconds: the grace. */
  readonly soonestMilliseconds: number
  readonly log: Log
  readonly clock?: Clock
}

const REST = 3
const SHORTEST_REST = 20
const LONGEST_REST = 2_000
/** One claim of the job is good for so many milliseconds of steps. */
const RUN = 20_000
const LONGEST_WAIT = 60_000
const SHORTEST_WAIT = 100
/** What holds collection up after a start mostly ends soon. */
const WHILE_HELD = 5_000

export function collectionJob({
  collect,
  soonestMilliseconds,
  log,
  clock = WALL_CLOCK,
}: CollectionOptions): Job {
  const idle = Math.min(Math.max(soonestMilliseconds, SHORTEST_WAIT), LONGEST_WAIT)
  return {
    name: 'collection',
    atLatestMilliseconds: idle,
    async run(signal) {
      const end = clock.now() + RUN
      const all = { deleted: 0, freedBytes: 0 }
      try {
        for (;;) {
          const began = clock.now()
          const step = await collect(signal)
          all.deleted += step.deleted
          all.freedBytes += step.freedBytes
          const wait = waitAfter(step, clock.now() - began, idle)
          if (step.isIdle || signal.aborted || clock.now() >= end) return { againInMilliseconds: wait }
          await clock.wait(wait, signal)
        }
      } finally {
        if (all.deleted > 0 || all.freedBytes > 0) log.info(all, 'what no image needs any more was deleted')
      }
    },
  }
}

function waitAfter({ isIdle, nextDueAt, heldBy }: CollectedStep, took: number, idle: number): number {
  if (heldBy !== null) return Math.min(WHILE_HELD, idle)
  if (!isIdle) return Math.min(Math.max(took * REST, SHORTEST_REST), LONGEST_REST)
  return nextDueAt === null ? idle : Math.min(Math.max(nextDueAt - Date.now(), SHORTEST_WAIT), idle)
}
