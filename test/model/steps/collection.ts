/** What goes on by itself beside the requests: collection in its bounded steps. */
import fc from 'fast-check'
import { settle } from './settling.ts'
import { type Step, steps, type WeightedSteps } from './step.ts'

export const collectionSteps: readonly WeightedSteps[] = [
  steps(6, { times: fc.integer({ min: 1, max: 6 }) }, ({ times }) => ({
    says: `collect ${times} times`,
    perform: (run) => run.world.collect(times),
  })),
  steps(1, {}, () => ({
    says: 'everything comes to rest',
    perform: (run) => settle(run),
  })),
]

/** A step beside which collection goes on. */
export function collecting(weight: number, step: fc.Arbitrary<Step>): WeightedSteps {
  return steps(weight, { step, times: fc.integer({ min: 1, max: 8 }) }, ({ step, times }) => ({
    says: `${step.says}, beside ${times} steps of collection`,
    async perform(run) {
      // Awaited last, so that what the step itself fails with is told.
      const collected = run.world.collect(times).then(
        () => null,
        (error: unknown) => error,
      )
      const outcome = await step.perform(run)
      const failure = await collected
      if (failure !== null && !run.world.isDead) throw failure
      return outcome
    },
  }))
}
