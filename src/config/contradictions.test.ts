/** Settings that do not go together, and those that work otherwise than their writer may think. */
import { expect, test } from 'bun:test'
import { ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

function load(environment: Record<string, string>): Promise<LoadedConfig> {
  return loadConfig({ file: null, environment, flags: { addr: null, data: null }, isTerminal: false })
}

async function problemsOf(environment: Record<string, string>): Promise<readonly string[]> {
  const error: unknown = await load(environment).then(
    () => null,
    (reason) => reason,
  )
  if (error instanceof ConfigError) return error.problems
  throw new Error('the settings were accepted')
}

test.each([
  [
    { REGISTRY_HTTP_TLS_CLIENTCAS: '/ca.pem' },
    'REGISTRY_HTTP_TLS_CLIENTCAS asks for TLS, but there is no certificate',
  ],
  [{ REGISTRY_HTTP_TLS_CERTIFICATE: '/c.pem' }, 'REGISTRY_HTTP_TLS_CERTIFICATE needs a key'],
  [
    { REGISTRY_HTTP_TLS_CERTIFICATE: '/c.pem', REGISTRY_HTTP_TLS_KEY: '/k.pem', BERTH_TLS: 'auto' },
    'BERTH_TLS makes a certificate, and REGISTRY_HTTP_TLS_CERTIFICATE names one. Keep one of the two.',
  ],
  [
    { BERTH_TLS: 'auto', REGISTRY_HTTP_TLS_CLIENTCAS: '/ca.pem' },
    'REGISTRY_HTTP_TLS_CLIENTCAS does not go with BERTH_TLS, which serves every client alike.',
  ],
  [
    { BERTH_TLS: 'auto', REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.3' },
    'REGISTRY_HTTP_TLS_MINIMUMTLS does not go with BERTH_TLS, which serves every client alike.',
  ],
])('these are refused, with what to do: %j', async (environment, sentence) => {
  expect(await problemsOf(environment)).toEqual([expect.stringContaining(sentence)])
})

test('a longer page than there can be is the longest, and that is told', async () => {
  const { config, warnings } = await load({
    REGISTRY_CATALOG_MAXENTRIES: '200000',
    REGISTRY_TAGS_MAXTAGS: '100000',
  })
  expect(config.lists).toMatchObject({ catalogMaxEntries: 100_000, tagsMax: 100_000 })
  expect(warnings).toEqual([
    'REGISTRY_CATALOG_MAXENTRIES is 200000, but a page has 100000 names at most. Clients ask for the next one.',
  ])
})
