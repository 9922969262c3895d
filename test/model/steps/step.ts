/** A step of a run: chosen before the run begins, so that a failing run can be shortened; what it picks it finds when its turn comes. */
import fc from 'fast-check'
import type { Run } from '../run.ts'

/** What a step gives that found nothing to do it with. */
export const NOTHING_TO_DO = Symbol('nothing to do')

export interface Step {
  readonly says: string
  /** Resolves with NOTHING_TO_DO where it found nothing to do it with. Throws what `Run.act` throws. */
  perform(run: Run): Promise<unknown>
}

export interface WeightedSteps {
  readonly weight: number
  readonly arbitrary: fc.Arbitrary<Step>
}

/** One step of the kind: `weight` is how often it comes beside the others. */
export function steps<Choice>(
  weight: number,
  choices: { readonly [Name in keyof Choice]: fc.Arbitrary<Choice[Name]> },
  make: (choice: Choice) => Step,
): WeightedSteps {
  return { weight, arbitrary: fc.record(choices).map((choice) => make(choice as Choice)) }
}

/** A place in a list whose length is known when the step's turn comes. */
export const anyPlace = fc.nat(99)

/** Null where the list is empty. */
export function at<Item>(list: readonly Item[], place: number): Item | null {
  return list[place % list.length] ?? null
}
