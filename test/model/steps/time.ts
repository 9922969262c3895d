/** Time goes on: by minutes, past leases and graces, past the trash. */
import fc from 'fast-check'
import { steps, type WeightedSteps } from './step.ts'
import { purge } from './trash.ts'

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

/** How many steps of collection follow at once: in the real registry it never rests for long. */
const collections = fc.nat(6)

/** Shorter than what a HEAD promises. */
export const shortTimeSteps: readonly WeightedSteps[] = [
  steps(
    40,
    { minutes: fc.constantFrom(1, 11, 11), collections: fc.integer({ min: 1, max: 8 }) },
    ({ minutes, collections }) => ({
      says: `${minutes} minutes pass, and ${collections} steps of collection`,
      async perform(run) {
        await run.forward(minutes * run.world.times.minute)
        await run.world.collect(collections)
      },
    }),
  ),
]

export const timeSteps: readonly WeightedSteps[] = [
  steps(
    10,
    { stride: fc.constantFrom(...STRIDES), collections },
    ({ stride: [name, minutes], collections }) => ({
      says: `${name} passes, and ${collections} steps of collection`,
      async perform(run) {
        await run.forward(minutes * run.world.times.minute)
        if (collections > 3) await purge(run)
        await run.world.collect(collections)
      },
    }),
  ),
]
