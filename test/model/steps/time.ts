/** Time goes on: by minutes, past leases and graces, past the trash. */
import fc from 'fast-check'
import { DAY, HOUR, MINUTE, SECOND } from '../clock.ts'
import { steps, type WeightedSteps } from './step.ts'

const STRIDES: readonly (readonly [string, number])[] = [
  ['a second', SECOND],
  ['a minute', MINUTE],
  ['eleven minutes', 11 * MINUTE],
  ['half an hour', 31 * MINUTE],
  ['an hour', 61 * MINUTE],
  ['half a day', 12 * HOUR],
  ['a day', 25 * HOUR],
  ['a week', 8 * DAY],
]

export const timeSteps: readonly WeightedSteps[] = [
  steps(5, { stride: fc.constantFrom(...STRIDES) }, ({ stride: [name, milliseconds] }) => ({
    says: `${name} passes`,
    perform: (run) => run.forward(milliseconds),
  })),
]
