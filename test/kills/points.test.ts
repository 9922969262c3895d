import { describe, expect, test } from 'bun:test'
import { REQUEST_KINDS, type RequestKind } from '../fault/ledger.ts'
import type { Step } from '../fault/strace.ts'
import { randomFrom } from '../random.ts'
import {
  type CountedRequest,
  describePoint,
  type KillPoint,
  pointsAtSteps,
  pointsBehindAnswers,
} from './points.ts'

function counted(kind: RequestKind, ...steps: [Step, number][]): CountedRequest {
  return { kind, steps: new Map(steps) }
}

/** Three quarters of the requests are PATCHes, and only one kind renames. */
const requests = [
  counted('PATCH', ['write', 100]),
  counted('PATCH', ['write', 100], ['fsync', 3]),
  counted('PATCH'),
  counted('move tag', ['write', 50], ['fsync', 2], ['rename', 1]),
]

function namesOf(points: readonly KillPoint[]): string[] {
  return points.map(describePoint)
}

describe('the points at the steps of a seed', () => {
  test('are different from each other, and within what was counted', () => {
    const points = pointsAtSteps(requests, 40, randomFrom(1))
    expect(points).toHaveLength(40)
    expect(new Set(namesOf(points)).size).toBe(40)
    for (const { request, kind, at } of points) {
      if (at === 'answered') throw new Error('this is no step')
      expect(requests[request]?.kind).toBe(kind)
      expect(at.count).toBeGreaterThanOrEqual(1)
      expect(at.count).toBeLessThanOrEqual(requests[request]?.steps.get(at.step) ?? 0)
    }
  })

  test('meet every kind of request and every step, the rare ones too', () => {
    const points = pointsAtSteps(requests, 20, randomFrom(2))
    const moves = points.filter(({ kind }) => kind === 'move tag')
    expect(moves.length).toBeGreaterThanOrEqual(8)
    const steps = new Set(points.map(({ at }) => (at === 'answered' ? at : at.step)))
    expect(steps).toEqual(new Set<Step>(['write', 'fsync', 'rename']))
  })

  test('are the same for the same seed, and others for another', () => {
    expect(pointsAtSteps(requests, 20, randomFrom(3))).toEqual(pointsAtSteps(requests, 20, randomFrom(3)))
    expect(pointsAtSteps(requests, 20, randomFrom(3))).not.toEqual(pointsAtSteps(requests, 20, randomFrom(4)))
  })

  test('come again where a push takes fewer steps', () => {
    const points = pointsAtSteps([counted('PATCH', ['fsync', 2])], 5, randomFrom(1))
    expect(points).toHaveLength(5)
    expect(new Set(namesOf(points)).size).toBe(2)
  })
})

test('one point lies behind the answer of each kind of request', () => {
  const points = pointsBehindAnswers(requests, randomFrom(1))
  expect(points.map(({ kind }) => kind)).toEqual(['PATCH', 'move tag'])
  const all = REQUEST_KINDS.map((kind) => counted(kind))
  expect(pointsBehindAnswers(all, randomFrom(1)).map(({ kind }) => kind)).toEqual([...REQUEST_KINDS])
})
