/**
 * `kill -9` at eighty points of pushes, tag moves and deletes, sixty on SQLite and twenty on PostgreSQL: at each,
 * a process of the server dies, and what it had answered with 2xx is there. `FAULT_SEED=7 npm test -- kills`
 * chooses other points, `npm run kills` a thousand of them.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { REQUEST_KINDS, type RequestKind } from '../fault/ledger.ts'
import { randomFrom } from '../random.ts'
import { describeWith } from '../tools/describe-with.ts'
import { ARENAS, type ArenaPlan, shareOut } from './arenas.ts'
import { countRequests, type Death, type Stage, surviveKill } from './kill.ts'
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

/** Where chance is fair: with fewer kills some kind may be missed. */
const ENOUGH_KILLS = 80

function describeKills(): void {
  const amounts = shareOut(KILLS)
  const deaths: Death[] = []
  for (const [at, plan] of ARENAS.entries()) describeArena(plan, amounts[at] ?? 0, deaths)
  if (KILLS >= ENOUGH_KILLS) describeDeaths(deaths)
}

function describeArena(plan: ArenaPlan, amount: number, deaths: Death[]): void {
  describeWith(`kill -9 of ${plan.name}`, ['strace', 'docker-registry', ...plan.tools], ({ strace }) => {
    let stage: Stage | undefined
    let points: readonly KillPoint[] = []

    beforeAll(async () => {
      stage = { strace, plan, arena: await plan.prepare() }
      points = await choosePoints(stage, amount)
    })
    afterAll(() => stage?.arena[Symbol.asyncDispose]())

    for (let number = 1; number <= amount; number += 1) {
      test(`takes nothing along that was acknowledged, ${number} of ${amount}`, async () => {
        const point = points[number - 1]
        if (stage === undefined || point === undefined) throw new Error('The points were not chosen.')
        const death = await surviveKill(stage, point).catch((error: unknown) => {
          throw new Error(`FAULT_SEED=${seed}, kill ${describePoint(point)} in ${plan.name}`, {
            cause: error,
          })
        })
        deaths.push(death)
      })
    }
  })
}

function describeDeaths(deaths: readonly Death[]): void {
  describeWith('all kills together', ['strace', 'docker-registry'], () => {
    test('have met requests of every kind, in their midst and behind their answers', () => {
      const inMidst = countKinds(deaths.filter(({ isAnswered }) => !isAnswered))
      const behind = countKinds(deaths.filter(({ isAnswered }) => isAnswered))
      console.log('died in the midst of', inMidst, 'and behind the answer of', behind)
      expect(Object.keys(behind).sort()).toEqual([...REQUEST_KINDS].sort())
      expect(Object.keys(inMidst)).toEqual(
        expect.arrayContaining(['PATCH', 'PUT blob', 'PUT manifest', 'move tag']),
      )
      expect(Object.keys(inMidst).some((kind) => kind.startsWith('delete'))).toBe(true)
    })
  })
}

/** Without the kinds that nobody met. */
function countKinds(some: readonly Death[]): Partial<Record<RequestKind, number>> {
  const counts: Partial<Record<RequestKind, number>> = {}
  for (const { kind } of some) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

console.log(`FAULT_SEED=${seed}`)
describeKills()
