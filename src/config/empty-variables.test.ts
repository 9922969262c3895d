/** What registry:2 makes of an empty value, or registry:3 of OpenTelemetry's variables, and Berth does not: never in silence. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-empty-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function load(environment: Record<string, string>, yaml = ''): Promise<LoadedConfig> {
  const file = join(folder, 'config.yml')
  writeFileSync(file, `version: 0.1\n${yaml}`)
  return await loadConfig({ file, environment, flags: { addr: null, data: null }, isTerminal: false })
}

test('an empty variable leaves what the file says, and that is told', async () => {
  const yaml =
    'auth:\n  htpasswd:\n    path: /auth/file\nhttp:\n  tls:\n    certificate: /c\n    key: /k\n    clientcas: [/ca]\n'
  const empty = { REGISTRY_AUTH: '', REGISTRY_HTTP_TLS_CERTIFICATE: '', REGISTRY_HTTP_HOST: '', PATH: '' }
  const odd = {
    REGISTRY_HTTP_TLS_CLIENTCAS_0: '',
    REGISTRY_HTTP_TLS_CLIENTCAS_FIRST: '',
    REGISTRY_NOTHING: '',
  }
  const { config, warnings } = await load({ ...empty, ...odd }, yaml)
  expect(config.auth).toMatchObject({ kind: 'htpasswd' })
  expect(config.http.tls).toMatchObject({ certificate: '/c', client: { authorities: ['/ca'] } })
  expect(warnings.map((warning) => warning.replace(`${folder}/`, ''))).toEqual([
    'REGISTRY_AUTH is empty, and so not set: auth in config.yml holds. Remove it there, if it should not.',
    'REGISTRY_HTTP_TLS_CERTIFICATE is empty, and so not set: http.tls.certificate in config.yml holds. Remove it there, if it should not.',
  ])
})

test('an interval or a timeout of 0 is not set, as in registry:2', async () => {
  const { config } = await load(
    {},
    'health:\n  storagedriver: {enabled: true, interval: 0}\n  tcp:\n    - {addr: "a:1", interval: 0s, timeout: 0}\n',
  )
  expect(config.health.storage).toMatchObject({ everyMilliseconds: 10_000 })
  expect(config.health.tcp).toMatchObject([{ everyMilliseconds: 10_000, timeoutMilliseconds: 5_000 }])
})

test('a header without a value is none', async () => {
  const { config } = await load({}, 'http:\n  headers:\n    X-A:\n    X-B: [b]\n')
  expect(config.http.headers).toEqual({ 'X-A': [], 'X-B': ['b'] })
})

test('a text that is quoted twice is no list, and that is said', async () => {
  const wrong: unknown = await load({ 'REGISTRY_HTTP_HEADERS_X-B': "'a', 'b'" }).catch((error) => error)
  expect(String(wrong)).toContain('REGISTRY_HTTP_HEADERS_X-B is not valid YAML')
})

test('where traces should go has no effect, and that is said once', async () => {
  const tracing = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://traces.test' }
  expect((await load(tracing)).warnings).toEqual([
    'OTEL_TRACES_EXPORTER has no effect: Berth sends no traces yet.',
  ])
  expect((await load({ OTEL_TRACES_EXPORTER: 'none', OTEL_SERVICE_NAME: 'registry' })).warnings).toEqual([])
})

test('a folder in the place of the file is most likely Docker’s', async () => {
  const wrong: unknown = await loadConfig({
    file: folder,
    environment: {},
    flags: { addr: null, data: null },
    isTerminal: false,
  }).catch((error) => error)
  expect(String(wrong)).toContain('it is a folder. Docker makes one where a mounted file is missing')
})

test.each(['[*]', '"[*]"', '{a: *}'])('a list in brackets that is no YAML is refused: %s', async (value) => {
  const wrong: unknown = await load({ 'REGISTRY_HTTP_HEADERS_X-B': value }).catch((error) => error)
  expect(String(wrong)).toContain('REGISTRY_HTTP_HEADERS_X-B is not valid YAML')
})
