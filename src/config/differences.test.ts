import { expect, test } from 'bun:test'
import { differences } from './differences.ts'
import type { Draft } from './draft.ts'
import { loadConfig } from './load.ts'

async function given(environment: Record<string, string>): Promise<Draft> {
  const flags = { addr: null, data: null }
  return (await loadConfig({ file: null, environment, flags, isTerminal: false })).given
}

test('nothing differs between two readings of the same settings', async () => {
  const environment = { REGISTRY_HTTP_HOST: 'https://a.example.com', REGISTRY_HTTP_HEADERS: '{X-A: [b, c]}' }
  expect(differences(await given(environment), await given(environment))).toEqual([])
})

test('what differs, came or went is named as the file writes it, and only that', async () => {
  const before = {
    REGISTRY_HTTP_HOST: 'https://a.example.com',
    REGISTRY_LOG_LEVEL: 'info',
    REGISTRY_HTTP_PREFIX: '/a/',
  }
  const after = {
    REGISTRY_HTTP_HOST: 'https://b.example.com',
    REGISTRY_LOG_LEVEL: 'info',
    REGISTRY_STORAGE_DELETE_ENABLED: 'true',
  }
  expect(differences(await given(before), await given(after)).sort()).toEqual([
    'http.host',
    'http.prefix',
    'storage.delete.enabled',
  ])
})

test('a list is one setting', async () => {
  const before = { REGISTRY_HTTP_TRUSTEDPROXIES: '[10.0.0.0/8]' }
  const after = { REGISTRY_HTTP_TRUSTEDPROXIES: '[10.0.0.0/8, 192.168.0.0/16]' }
  expect(differences(await given(before), await given(after))).toEqual(['http.trustedproxies'])
})
