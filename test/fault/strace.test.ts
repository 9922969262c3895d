import { describe, expect, test } from 'bun:test'
import { countSteps, randomFrom, type Step, spreadPoints } from './strace.ts'

describe('the steps of a traced push', () => {
  test('are counted in the thread that took each most often', () => {
    const output = [
      '101 fsync(7)                          = 0',
      '102 fsync(8 <unfinished ...>',
      '101 pwrite64(9, "a", 1, 0)            = 1',
      '102 <... fsync resumed>)              = 0',
      '102 fsync(8)                          = 0',
      '101 +++ killed by SIGKILL +++',
    ].join('\n')
    expect([...countSteps(output)]).toEqual([
      ['fsync', 2],
      ['pwrite64', 1],
    ])
  })
})

describe('the points of a seed', () => {
  const upload = new Map<Step, number>([
    ['write', 100],
    ['fsync', 3],
    ['rename', 1],
  ])
  const requests = [upload, new Map<Step, number>(), new Map<Step, number>([['fsync', 2]])]

  test('are different from each other, and within what was counted', () => {
    const points = spreadPoints(requests, 20, randomFrom(1))
    expect(points).toHaveLength(20)
    expect(new Set(points.map((point) => JSON.stringify(point))).size).toBe(20)
    for (const { request, step, count } of points) {
      expect(count).toBeGreaterThanOrEqual(1)
      expect(count).toBeLessThanOrEqual(requests[request]?.get(step) ?? 0)
    }
  })

  test('meet every request and every step, the rare ones too', () => {
    const points = spreadPoints(requests, 20, randomFrom(2))
    expect(new Set(points.map(({ request }) => request))).toEqual(new Set([0, 2]))
    expect(new Set(points.map(({ step }) => step)).size).toBe(3)
  })

  test('are the same for the same seed, and others for another', () => {
    expect(spreadPoints(requests, 20, randomFrom(3))).toEqual(spreadPoints(requests, 20, randomFrom(3)))
    expect(spreadPoints(requests, 20, randomFrom(3))).not.toEqual(spreadPoints(requests, 20, randomFrom(4)))
  })

  test('are as many as there are where a push takes fewer steps', () => {
    expect(spreadPoints([new Map<Step, number>([['fsync', 2]])], 20, randomFrom(1))).toHaveLength(2)
  })
})
