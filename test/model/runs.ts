/** Runs of random steps, shortened where they fail. */
import fc from 'fast-check'
import { Run } from './run.ts'
import { anyStep } from './steps/all.ts'
import { NOTHING_TO_DO, type Step } from './steps/step.ts'
import type { World } from './world.ts'

export interface RunsOptions {
  open(): Promise<World>
  /** At least so many steps in all, in as many runs as that takes. */
  readonly steps: number
  readonly seed: number
}

const STEPS_OF_A_RUN = 60

/** Gives how many steps were run. Throws with the shortest run that fails, its story, and how to repeat it. */
export async function runSteps({ open, steps, seed }: RunsOptions): Promise<number> {
  let done = 0
  const run = fc.array(anyStep, { minLength: 1, maxLength: STEPS_OF_A_RUN, size: 'max' })
  const property = fc.asyncProperty(run, async (chosen) => {
    done += await runOnce(await open(), chosen)
  })
  const found = await fc.check(property, { seed, numRuns: Math.ceil((2 * steps) / STEPS_OF_A_RUN) })
  if (!found.failed) return done
  const shortest = (found.counterexample?.[0] ?? []).map(({ says }) => `  ${says}`)
  throw new Error(
    [
      `MODEL_SEED=${seed}: run ${found.numRuns} fails; after ${found.numShrinks} times shorter it is`,
      ...shortest,
      messageOf(found.errorInstance),
    ].join('\n'),
  )
}

async function runOnce(world: World, chosen: readonly Step[]): Promise<number> {
  const run = new Run(world)
  try {
    for (const step of chosen) {
      run.tell(step.says)
      if ((await step.perform(run)) === NOTHING_TO_DO) continue
      await run.forward(world.times.step)
      await run.check()
    }
    await run.checkTree()
    return run.steps
  } catch (error) {
    throw new Error(`what happened:\n${run.story.join('\n')}\nand then: ${messageOf(error)}`)
  } finally {
    await world.close()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
