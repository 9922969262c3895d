import { expect, test } from 'bun:test'
import { isIP } from 'node:net'
import { machineNames, reachableAddresses } from './machine-names.ts'

test('a machine has names and addresses that a certificate can have, each once', () => {
  const names = machineNames()
  expect(names).toContain('localhost')
  expect(names).toContain('127.0.0.1')
  expect(new Set(names).size).toBe(names.length)
  for (const name of names)
    expect([name, isIP(name) !== 0 || /^[a-z0-9.-]+$/.test(name)]).toEqual([name, true])
  expect(machineNames()).toEqual(names)
})

test('others reach it by none of the loopback and of no link alone', () => {
  for (const address of reachableAddresses()) expect(address).not.toMatch(/^(127\.|::1$|fe80:)/i)
})
