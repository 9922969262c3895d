/** Time goes on: by minutes, past leases and graces, past the trash. */
import fc from 'fast-check'
import { steps, type WeightedSteps } from './step.ts'

/** In minutes. */
const STRIDES: readonly (readonly [string, number])[] = [
  ['a minute', 1],
  ['eleven minutes', 11],
  ['half an hour', 31],
  ['an hour', 61],
  ['half a day', 12 * 60],
  ['a day', 25 * 60],
  ['a week', 8 * 24 * 60],
]

export const timeSteps: readonly WeightedSteps[] = [
  steps(5, { stride: fc.constantFrom(...STRIDES) }, ({ stride: [name, minutes] }) => ({
    says: `${name} passes`,
    perform: (run) => run.forward(minutes * run.world.times.minute),
  })),
]
