import { beforeEach, expect, test } from 'bun:test'
import { RememberedLogins } from './remembered-logins.ts'

let now = 0
let logins: RememberedLogins<string, string>
beforeEach(() => {
  now = 1000
  logins = new RememberedLogins({ most: 3, now: () => now })
})

function remember(header: string, forMilliseconds = 60_000): void {
  logins.remember(logins.keyOf(header), `who sent ${header}`, 'proof', forMilliseconds)
}

function isKnown(header: string): boolean {
  return logins.find(logins.keyOf(header)) !== null
}

test('who was let in is found by what was sent, for as long as was said', () => {
  remember('Basic a')
  const login = logins.find(logins.keyOf('Basic a'))
  expect(login).toMatchObject({ who: 'who sent Basic a', proof: 'proof' })
  expect(login !== null && logins.isValid(login)).toBe(true)
  now += 60_000
  expect(login !== null && logins.isValid(login)).toBe(false)
  expect(isKnown('Basic b')).toBe(false)
})

test('of too many those who were let in longest ago are forgotten', () => {
  for (const header of ['a', 'b', 'c', 'a', 'd']) remember(header)
  expect(['a', 'b', 'c', 'd'].map(isKnown)).toEqual([true, false, true, true])
})

test('what was sent is not kept, and its hash is another in every process', () => {
  const key = logins.keyOf('Basic c2VjcmV0')
  expect(key).not.toContain('c2VjcmV0')
  expect(logins.keyOf('Basic c2VjcmV0')).toBe(key)
  expect(new RememberedLogins().keyOf('Basic c2VjcmV0')).not.toBe(key)
})
