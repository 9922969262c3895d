/**
 * `kill -9` at the steps of a run of collection: nothing that is needed is lost, nothing is left over for ever, and
 * what lies in the trash comes back. At some of them here, and at each in `npm run kills`.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Call, StepCounts } from '../fault/strace.ts'
import { randomFrom } from '../random.ts'
import { describeWith } from '../tools/describe-with.ts'
import { ARENAS, type ArenaPlan } from './arenas.ts'
import { countCollectionSteps, type Fixture, prepareFixture, surviveCollection } from './collection.ts'
import type { Stage } from './kill.ts'

/** `npm run kills` means all of them. */
const MEANS_ALL = 300
const KILLS = Number(process.env['KILLS'] ?? 80)
const seed = Number(process.env['FAULT_SEED'] ?? 1)
/** Of each arena. */
const SAMPLE = KILLS >= MEANS_ALL ? Number.POSITIVE_INFINITY : 3
const HOURS = 3_600_000

setDefaultTimeout(90_000)

/** Kinds of steps take turns, so that a few of them are of different kinds; of one kind, chance decides. */
function chooseCalls(counts: StepCounts): Call[] {
  const random = randomFrom(seed)
  const ofKinds = [...counts].map(([step, most]) =>
    Array.from({ length: most }, (_, at) => ({ call: { step, count: at + 1 }, order: random() }))
      .toSorted((one, other) => one.order - other.order)
      .map(({ call }) => call),
  )
  const longest = Math.max(0, ...ofKinds.map(({ length }) => length))
  const turns = Array.from({ length: longest }, (_, turn) => ofKinds.flatMap((calls) => calls[turn] ?? []))
  return turns.flat().slice(0, SAMPLE)
}

function describeArena(plan: ArenaPlan): void {
  describeWith(`kill -9 of ${plan.name} while it collects`, ['strace', ...plan.tools], ({ strace }) => {
    let stage: Stage | undefined
    let fixture: Fixture | undefined

    beforeAll(async () => {
      stage = { strace, plan, arena: await plan.prepare() }
      fixture = await prepareFixture(stage)
    })
    afterAll(async () => {
      await fixture?.[Symbol.asyncDispose]()
      await stage?.arena[Symbol.asyncDispose]()
    })

    test(
      'loses nothing, and leaves nothing over',
      async () => {
        if (stage === undefined || fixture === undefined) throw new Error('There is no volume.')
        const calls = chooseCalls(await countCollectionSteps(stage, fixture))
        let deaths = 0
        for (const call of calls) {
          const hasDied = await surviveCollection(stage, fixture, call).catch((error: unknown) => {
            throw new Error(`FAULT_SEED=${seed}, before ${call.step} ${call.count} in ${plan.name}`, {
              cause: error,
            })
          })
          if (hasDied) deaths++
        }
        console.log(`${plan.name} died ${deaths} times, at ${calls.length} steps of a collection`)
        // A thread that comes to the step less often than the one that was counted lives on.
        expect(deaths).toBeGreaterThan(0)
      },
      HOURS,
    )
  })
}

for (const plan of ARENAS) describeArena(plan)
