/** What goes on by itself beside the requests: collection in its bounded steps. */
import fc from 'fast-check'
import type { Run } from '../run.ts'
import { steps, type WeightedSteps } from './step.ts'

export const collectionSteps: readonly WeightedSteps[] = [
  steps(4, { times: fc.integer({ min: 1, max: 6 }) }, ({ times }) => ({
    says: `collect ${times} times`,
    perform: (run) => collect(run, times),
  })),
]

/** So many bounded steps. Nothing that must be there may go by them. */
export async function collect(_run: Run, _times: number): Promise<void> {}
