/** What goes on by itself beside the requests: collection in its bounded steps. */
import fc from 'fast-check'
import { steps, type WeightedSteps } from './step.ts'

export const collectionSteps: readonly WeightedSteps[] = [
  steps(4, { times: fc.integer({ min: 1, max: 6 }) }, ({ times }) => ({
    says: `collect ${times} times`,
    perform: (run) => run.world.collect(times),
  })),
]
