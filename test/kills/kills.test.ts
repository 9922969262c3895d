/**
 * `kill -9` at eighty points of pushes, tag moves and deletes, sixty on SQLite and twenty on PostgreSQL: at each,
 * a process of the server dies, and what it had answered with 2xx is there. `FAULT_SEED=7 npm test -- kills`
 * chooses other points, `npm run kills` a thousand of them.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { REQUEST_KINDS } from '../fault/ledger.ts'
import { randomFrom } from '../fault/strace.ts'
import { describeWith } from '../tools/describe-with.ts'
import { ARENAS, type ArenaPlan } from './arenas.ts'
import { countRequests, type Stage, surviveKill } from './kill.ts'
import { describePoint, type KillPoint, pointsAtSteps, pointsBehindAnswers } from './points.ts'

const KILLS = Number(process.env['KILLS'] ?? 80)
const seed = Number(process.env['FAULT_SEED'] ?? 1)

setDefaultTimeout(60_000)

async function choosePoints(stage: Stage, amount: number): Promise<readonly KillPoint[]> {
  const random = randomFrom(seed)
  const requests = await countRequests(stage)
  const answers = stage.plan.hasSiblings ? [] : pointsBehindAnswers(requests, random)
  const steps = pointsAtSteps(requests, Math.max(0, amount - answers.length), random)
  return [...answers, ...steps].slice(0, amount)
}

for (const plan of ARENAS) describeArena(plan, Math.round(KILLS * plan.share))

function describeArena(plan: ArenaPlan, amount: number): void {
  describeWith(`kill -9 of ${plan.name}`, ['strace', 'docker-registry', ...plan.tools], ({ strace }) => {
    let stage: Stage | undefined
    let points: readonly KillPoint[] = []

    beforeAll(async () => {
      stage = { strace, plan, arena: await plan.prepare() }
      points = await choosePoints(stage, amount)
    })
    afterAll(() => stage?.arena[Symbol.asyncDispose]())

    test('meets every kind of request', () => {
      const met = new Set(points.map(({ kind }) => kind))
      expect(met.size).toBe(Math.min(amount, REQUEST_KINDS.length))
    })

    for (let number = 1; number <= amount; number += 1) {
      test(`takes nothing along that was acknowledged, ${number} of ${amount}`, async () => {
        const point = points[number - 1]
        if (stage === undefined || point === undefined) throw new Error('The points were not chosen.')
        await surviveKill(stage, point).catch((error: unknown) => {
          throw new Error(`FAULT_SEED=${seed}, kill ${describePoint(point)} in ${plan.name}`, {
            cause: error,
          })
        })
      })
    }
  })
}

console.log(`FAULT_SEED=${seed}`)
