/** Runs of random steps, shortened where they fail. */
import fc from 'fast-check'
import { Run } from './run.ts'
import { anyStep } from './steps/all.ts'
import { NOTHING_TO_DO, type Step } from './steps/step.ts'
import type { World } from './world.ts'

export type OpenWorld = () => Promise<World>

export interface RunsOptions {
  readonly open: OpenWorld
  /** At least so many steps in all, in as many runs as that takes. */
  readonly steps: number
  readonly seed: number
}

const STEPS_OF_A_RUN = 150
const anyRun = fc.array(anyStep, { minLength: 1, maxLength: STEPS_OF_A_RUN, size: 'max' })

/** Gives how many steps were run. Throws with the shortest run that fails, its story, and how to repeat it. */
export async function runSteps({ open, steps, seed }: RunsOptions): Promise<number> {
  return await runMany(open, { seed, numRuns: Math.ceil((2 * steps) / STEPS_OF_A_RUN) })
}

/**
 * For so many milliseconds, in one run after the other, of which the last is cut short. What fails is told as it is, for
 * nobody can repeat it exactly.
 */
export async function runForTime(open: OpenWorld, milliseconds: number, seed: number): Promise<number> {
  const deadline = performance.now() + milliseconds
  let done = 0
  for (let run = seed; performance.now() < deadline; run++) {
    const [chosen = []] = fc.sample(anyRun, { seed: run, numRuns: 1 })
    await runOnce(await open(), chosen, () => {
      done++
      return performance.now() < deadline
    })
  }
  return done
}

async function runMany(
  open: OpenWorld,
  parameters: fc.Parameters<[Step[]]> & { readonly seed: number },
): Promise<number> {
  let done = 0
  let failedAfter: number | null = null
  const property = fc.asyncProperty(anyRun, async (chosen) => {
    const count = () => {
      done++
      return true
    }
    await runOnce(await open(), chosen, count).catch((error: unknown) => {
      failedAfter ??= done
      throw error
    })
  })
  const found = await fc.check(property, parameters)
  if (found.counterexample === null) return done
  const sentence = `MODEL_SEED=${parameters.seed}: it fails after ${failedAfter} steps; made shorter ${found.numShrinks} times, this is what happens:`
  throw new Error(`${sentence}\n${messageOf(found.errorInstance)}`)
}

/** `onStep` says whether to go on. */
async function runOnce(world: World, chosen: readonly Step[], onStep: () => boolean): Promise<void> {
  const run = new Run(world)
  try {
    for (const step of chosen) {
      run.tell(step.says)
      if ((await step.perform(run)) === NOTHING_TO_DO) continue
      await run.forward(world.times.step)
      await run.check()
      if (!onStep()) break
    }
    await run.checkAll()
  } catch (error) {
    throw new Error(`${run.story.join('\n')}\nand then: ${messageOf(error)}`)
  } finally {
    await world.close()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
