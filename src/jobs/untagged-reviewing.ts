/** The rule for untagged images, a step at a time. */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { reviewManifests } from '../registry/untagged.ts'
import type { Job } from './runner.ts'

/** Milliseconds. */
const LONGEST_WAIT = 60_000
const SHORTEST_WAIT = 1_000
/** Between two runs where more is waiting than one could look at. */
const PAUSE = 200
const MANIFESTS_AT_ONCE = 100

export function untaggedReviewingJob(registry: Registry, log: Log): Job {
  return {
    name: 'untagged',
    atLatestMilliseconds: LONGEST_WAIT,
    async run() {
      const { isIdle, nextDueAt, deleted } = await reviewManifests(registry, { limit: MANIFESTS_AT_ONCE })
      if (deleted > 0) log.info({ manifests: deleted }, 'images that nothing names went into the trash')
      if (!isIdle) return { againInMilliseconds: PAUSE }
      const next = nextDueAt === null ? LONGEST_WAIT : Math.max(nextDueAt - Date.now(), SHORTEST_WAIT)
      return { againInMilliseconds: Math.min(next, LONGEST_WAIT) }
    },
  }
}
