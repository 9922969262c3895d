import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { codeOf, messageOf } from './thrown.ts'

function thrownBy(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

test('whatever was thrown has a message, and a code where the system gave it one', () => {
  const missing = thrownBy(() => readFileSync('/nowhere/at/all'))
  expect([codeOf(missing), messageOf(missing)]).toEqual([
    'ENOENT',
    expect.stringContaining('/nowhere/at/all'),
  ])
  expect([codeOf(new Error('why')), messageOf(new Error('why'))]).toEqual([null, 'why'])
  expect([codeOf(Object.assign(new Error('why'), { code: 7 })), codeOf({ code: 'ENOENT' })]).toEqual([
    null,
    null,
  ])
  expect([messageOf('text'), messageOf(null), messageOf(undefined)]).toEqual(['text', 'null', 'undefined'])
})
