import { describe, expect, test } from 'bun:test'
import { outdated } from './rotation.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOON = Date.UTC(2026, 0, 20, 12)

describe('outdated', () => {
  test('keeps the newest, and one of each day before', () => {
    const times = Array.from({ length: 24 * 10 }, (_, hours) => NOON - hours * HOUR)
    const gone = new Set(outdated(times, { newest: 3, days: 4 }))
    const kept = times
      .filter((time) => !gone.has(time))
      .map((time) => new Date(time).toISOString().slice(5, 13))
    expect(kept).toEqual(['01-20T12', '01-20T11', '01-20T10', '01-19T23', '01-18T23', '01-17T23'])
  })

  test('never takes the last one, however old it is', () => {
    expect(outdated([NOON - 400 * DAY], { newest: 0, days: 0 })).toEqual([])
    expect(outdated([], { newest: 3, days: 3 })).toEqual([])
  })

  test('days count from the newest backup, so that a server that stood still loses none at its start', () => {
    const times = [NOON, NOON - 30 * DAY, NOON - 31 * DAY]
    expect(outdated(times.slice(1), { newest: 1, days: 2 })).toEqual([])
    expect(outdated(times, { newest: 1, days: 2 })).toEqual(times.slice(1))
  })
})
