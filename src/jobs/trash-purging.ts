/**
 * The trash empties itself: what was deleted so long ago that nobody may take it back any more goes for good, a few
 * deletions at a time. What a crash has interrupted (a restoration, the deletion of a repository) is gone on with.
 */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { stepTime } from '../registry/step-time.ts'
import { purgeExpired } from '../registry/trash.ts'
import type { Job } from './runner.ts'

/** Milliseconds. An interrupted restoration waits no longer than that. */
const EVERY = 60_000
const SHORTEST_WAIT = 1_000
/** Between two runs where more is waiting than one could take. */
const PAUSE = 200
const DELETIONS_AT_ONCE = 20
/** Milliseconds after which a run goes on in the next one. */
const LONGEST_RUN = 5_000

export function trashPurgingJob(registry: Registry, log: Log): Job {
  const { keepFor } = registry.policy.trash
  const longest = Math.min(Math.max(keepFor, SHORTEST_WAIT), EVERY)
  return {
    name: 'trash',
    atLatestMilliseconds: longest,
    async run(signal) {
      const time = stepTime({ milliseconds: LONGEST_RUN, signal })
      const { isIdle, nextDueAt, purged } = await purgeExpired(registry, { limit: DELETIONS_AT_ONCE, time })
      if (purged > 0)
        log.info({ deletions: purged }, 'deletions that were kept for long enough went for good')
      if (!isIdle) return { againInMilliseconds: PAUSE }
      const next = nextDueAt === null ? longest : Math.max(nextDueAt - Date.now(), SHORTEST_WAIT)
      return { againInMilliseconds: Math.min(next, longest) }
    },
  }
}
