/** What everything takes up is counted soon after it has changed, a small step at a time; readers count what is left. */
import type { Registry } from '../registry/registry.ts'
import { countChanges } from '../registry/usage.ts'
import type { Job } from './runner.ts'

/** Milliseconds. */
const EVERY = 10_000
const LONGEST_RUN = 2_000
/** Between two runs where more is waiting than one could count. */
const PAUSE = 100

export function usageCountingJob(registry: Registry): Job {
  return {
    name: 'usage',
    atLatestMilliseconds: EVERY,
    async run(signal) {
      const { isComplete } = await countChanges(registry, LONGEST_RUN, signal)
      return { againInMilliseconds: isComplete ? EVERY : PAUSE }
    },
  }
}
