/** The process: killed at some operation of another step, started again, its link tree shown and gone through; its database built anew. */
import fc from 'fast-check'
import { requireNoDamage } from '../checks/findings.ts'
import { Interrupted, type Run } from '../run.ts'
import { NOTHING_TO_DO, type Step, steps, type WeightedSteps } from './step.ts'

const MOST_OPERATIONS = 120

/** Whether the new process has gone through the link tree before anything else happens: until it has, nothing is collected. */
const isGoneThrough = fc.integer({ min: 0, max: 4 }).map((chance) => chance > 0)

export const processSteps: readonly WeightedSteps[] = [
  steps(2, {}, () => ({
    says: 'what the link tree shows becomes durable',
    perform: (run) => run.world.flush(),
  })),
  steps(1, {}, () => ({
    says: 'compare the link tree and the counters with the database',
    perform: (run) => run.checkAll(),
  })),
  steps(2, {}, () => ({
    says: 'go through the link tree',
    perform: (run) => run.world.goThroughTree(),
  })),
  steps(1, {}, () => ({
    says: 'verify',
    async perform(run) {
      await run.world.goThroughTree()
      requireNoDamage(await run.world.verify(), run.model)
    },
  })),
  steps(1, {}, () => ({
    says: 'count what everything takes up',
    perform: (run) => run.world.countUsage(),
  })),
  steps(1, { isGoneThrough }, ({ isGoneThrough }) => ({
    says: 'kill the process and start it again',
    perform: (run) => kill(run, { isReindexed: false, isGoneThrough }),
  })),
  steps(1, { isGoneThrough }, ({ isGoneThrough }) => ({
    says: `build the database anew${isGoneThrough ? '' : ', not to its end'}`,
    perform: (run) => kill(run, { isReindexed: true, isGoneThrough }),
  })),
]

/** A step in which the process dies. */
export function crashing(weight: number, step: fc.Arbitrary<Step>): WeightedSteps {
  const operations = fc.nat(MOST_OPERATIONS)
  return steps(weight, { step, operations, isGoneThrough }, (chosen) => ({
    says: `the process dies after ${chosen.operations} operations of: ${chosen.step.says}`,
    perform: (run) => (run.world.outlives ? crash(run, chosen) : chosen.step.perform(run)),
  }))
}

interface Start {
  readonly isReindexed: boolean
  readonly isGoneThrough: boolean
}

/** What lies in memory goes with the process. */
async function kill(run: Run, { isReindexed, isGoneThrough }: Start): Promise<unknown> {
  if (!run.world.outlives) return NOTHING_TO_DO
  await run.restart(null, { isReindexed })
  return isGoneThrough ? await run.world.goThroughTree() : null
}

interface Crash {
  readonly step: Step
  readonly operations: number
  readonly isGoneThrough: boolean
}

async function crash(run: Run, { step, operations, isGoneThrough }: Crash): Promise<void> {
  run.world.dieWithin(operations)
  let interrupted: Interrupted | null = null
  try {
    await step.perform(run)
  } catch (error) {
    // Whatever is said after the end is said by nobody.
    if (!run.world.isDead) throw error
    if (error instanceof Interrupted) interrupted = error
  }
  await run.restart(interrupted)
  if (isGoneThrough) await run.world.goThroughTree()
}
