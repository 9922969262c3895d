/** What the settings of `http` take and refuse, where a word or two of theirs could break a reply. */
import { expect, test } from 'bun:test'
import { ConfigError, type HttpConfig } from './config.ts'
import { loadConfig } from './load.ts'

async function httpOf(environment: Record<string, string>): Promise<HttpConfig> {
  const flags = { addr: null, data: null }
  return (await loadConfig({ file: null, environment, flags, isTerminal: false })).config.http
}

function refused(environment: Record<string, string>): Promise<unknown> {
  return httpOf(environment).catch((error: unknown) => (error instanceof ConfigError ? error.message : error))
}

test.each([
  ['{"X Y": [a]}', 'no name for a header'],
  ['{"X-A": ["b\\nSet-Cookie: c"]}', 'write a text on one line'],
  ['{"X-A": ["€"]}', 'neither line breaks nor other controls'],
  ['{"Content-Length": ["0"]}', 'Content-Length is set by the server itself'],
])('http.headers %s is refused', async (value, sentence) => {
  expect(await refused({ REGISTRY_HTTP_HEADERS: value })).toContain(sentence)
})

test.each(['proxy.local', '10.0.0.0/33', '10.0.0'])('http.trustedproxies %s is refused', async (value) => {
  const message = await refused({ REGISTRY_HTTP_TRUSTEDPROXIES: `[10.0.0.0/8, ${value}]` })
  expect(message).toContain('write addresses and networks')
})

test.each([
  ['/metrics', '/metrics'],
  ['metrics', '/metrics'],
  ['/a/metrics', '/a/metrics'],
])('http.debug.prometheus.path %s is %s', async (value, path) => {
  const { debug } = await httpOf({
    REGISTRY_HTTP_DEBUG_ADDR: ':5001',
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    REGISTRY_HTTP_DEBUG_PROMETHEUS_PATH: value,
  })
  expect(debug?.metricsPath).toBe(path)
})

test('http.debug.prometheus.path is a path alone', async () => {
  expect(await refused({ REGISTRY_HTTP_DEBUG_PROMETHEUS_PATH: '/metrics?all' })).toContain('write a path')
})
