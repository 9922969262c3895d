import { expect, test } from 'bun:test'
import { reportsFailures } from './volume-sync.ts'

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
