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

/** A step beside which collection goes on, in a process that may sleep all the while. */
export function collecting(weight: number, step: fc.Arbitrary<Step>): WeightedSteps {
  const times = fc.integer({ min: 1, max: 8 })
  return steps(weight, { step, times, isSleepy: fc.boolean() }, ({ step, times, isSleepy }) => ({
    says: `${step.says}, beside ${times} steps of ${isSleepy ? 'sleepy ' : ''}collection`,
    async perform(run) {
      const over = Promise.withResolvers<void>()
      const collected = run.world.collect(times, isSleepy ? over.promise : undefined).then(
        () => null,
        (error: unknown) => error,
      )
      try {
        return await step.perform(run)
      } finally {
        over.resolve()
        const failure = await collected
        if (failure !== null && !run.world.isDead) run.fail(failure)
      }
    },
  }))
}
