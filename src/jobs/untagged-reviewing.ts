/** The rule for untagged images, a step at a time. */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { stepTime } from '../registry/step-time.ts'
import { reviewManifests } from '../registry/untagged.ts'
import type { Job } from './runner.ts'

/** Milliseconds. */
const LONGEST_WAIT = 60_000
const SHORTEST_WAIT = 1_000
/** Between two runs where more is waiting than one could look at. */
const PAUSE = 200
const MANIFESTS_AT_ONCE = 100

export function untaggedReviewingJob(registry: Registry, log: Log): Job {
  // What is pushed from now on is due after that time at the earliest.
  const soonest = registry.policy.untagged.deleteAfter ?? LONGEST_WAIT
  const longest = Math.min(Math.max(soonest, SHORTEST_WAIT), LONGEST_WAIT)
  return {
    name: 'untagged',
    atLatestMilliseconds: longest,
    async run(signal) {
      const step = { limit: MANIFESTS_AT_ONCE, time: stepTime({ signal }) }
      const { isIdle, nextDueAt, deleted } = await reviewManifests(registry, step)
      if (deleted > 0) log.info({ manifests: deleted }, 'images that nothing names went into the trash')
      if (!isIdle) return { againInMilliseconds: PAUSE }
      const next = nextDueAt === null ? longest : Math.max(nextDueAt - Date.now(), SHORTEST_WAIT)
      return { againInMilliseconds: Math.min(next, longest) }
    },
  }
}
