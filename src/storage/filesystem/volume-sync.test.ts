import { expect, test } from 'bun:test'
import { onThePool } from './short-calls.ts'
import { reportsFailures, VolumeSync } from './volume-sync.ts'

test.each([
  ['5.7.19', false],
  ['4.19.0-27-amd64', false],
  ['5.8.0', true],
  ['5.15.167.4-microsoft-standard-WSL2', true],
  ['6.1', true],
  ['unknown', false],
])('Linux %s tells of failed writes when a volume is synced: %p', (kernel, expected) => {
  expect(reportsFailures(kernel)).toBe(expected)
})

test('of a volume that cannot be looked at nothing is believed', async () => {
  const root = { path: '/nowhere/at/all', calls: onThePool, volume: { kind: 'local' } } as const
  expect(await new VolumeSync(root).sync()).toBe(false)
})
