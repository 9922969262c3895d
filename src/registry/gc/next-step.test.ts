/** What collection does with a blob next: every state, with and without a reference, a lease, a grace. */
import { describe, expect, test } from 'bun:test'
import { type KnownOfBlob, type NextStep, nextStepOf } from './next-step.ts'

const NOW = 1_000_000
const GRACE = 1_000
const TIMES = { grace: GRACE, condemnedFor: 100 }

function stepFor(blob: Partial<KnownOfBlob['blob']>, isReferred = false, dueAt = 0): NextStep {
  const usual = { state: 'live', leaseUntil: 0, unreferencedSince: NOW - GRACE } as const
  return nextStepOf({ blob: { ...usual, ...blob }, isReferred, dueAt, now: NOW }, TIMES)
}

describe('a live blob', () => {
  test('that a manifest refers to stays, however old it is', () => {
    expect(stepFor({ unreferencedSince: null }, true)).toEqual({ kind: 'keep' })
    expect(stepFor({ unreferencedSince: null, leaseUntil: NOW + 5 }, true)).toEqual({ kind: 'keep' })
  })

  test('that a manifest refers to counts as unreferenced no more', () => {
    expect(stepFor({}, true)).toEqual({ kind: 'revive' })
  })

  test('that nothing refers to any more has its grace from now on', () => {
    expect(stepFor({ unreferencedSince: null })).toEqual({ kind: 'begin grace' })
  })

  test('that has just lost its last reference stays as long as one who was told that it is there relies on that', () => {
    expect(stepFor({ unreferencedSince: null }, false, NOW + 9)).toEqual({ kind: 'wait', until: NOW + 9 })
    expect(stepFor({}, false, NOW + 9)).toEqual({ kind: 'condemn' })
  })

  test('stays until its grace is over', () => {
    expect(stepFor({ unreferencedSince: NOW - GRACE + 1 })).toEqual({ kind: 'wait', until: NOW + 1 })
  })

  test('stays until its lease is over', () => {
    expect(stepFor({ leaseUntil: NOW })).toEqual({ kind: 'wait', until: NOW + 1 })
    expect(stepFor({ leaseUntil: NOW + 50 })).toEqual({ kind: 'wait', until: NOW + 51 })
  })

  test('is condemned once both are over', () => {
    expect(stepFor({ leaseUntil: NOW - 1 })).toEqual({ kind: 'condemn' })
  })
})

describe('a condemned blob', () => {
  test('that a manifest refers to lives', () => {
    expect(stepFor({ state: 'condemned' }, true)).toEqual({ kind: 'revive' })
  })

  test('stays until its lease is over', () => {
    expect(stepFor({ state: 'condemned', leaseUntil: NOW })).toEqual({ kind: 'wait', until: NOW + 1 })
  })

  test('loses its links then', () => {
    expect(stepFor({ state: 'condemned' })).toEqual({ kind: 'unlink' })
  })
})

test('a blob that is being deleted is deleted', () => {
  expect(stepFor({ state: 'deleting', leaseUntil: NOW + 50 })).toEqual({ kind: 'delete' })
})
