import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from './load.ts'
import { type ShownSetting, showSettings } from './show.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-show-'))
const file = join(folder, 'config.yml')
afterAll(() => rmSync(folder, { recursive: true }))

async function shown(
  yaml: string,
  environment: Record<string, string> = {},
): Promise<Map<string, ShownSetting>> {
  writeFileSync(file, yaml)
  const flags = { addr: '127.0.0.1:5001', data: null }
  const loaded = await loadConfig({ file, environment, flags, isTerminal: false })
  return new Map(showSettings(loaded).map((each) => [each.name, each]))
}

test('each value has its origin: the file, a variable, a flag, or the default', async () => {
  const settings = await shown(
    'version: 0.1\nlog:\n  fields:\n    service: registry\nhttp:\n  headers:\n    X-One: [a, b]\n',
    { REGISTRY_HTTP_HOST: 'https://registry.example', REGISTRY_LOG_FIELDS_PLACE: 'attic' },
  )
  const of = (name: string) => [settings.get(name)?.value, settings.get(name)?.origin]
  expect(of('http.addr')).toEqual(['127.0.0.1:5001', '--addr'])
  expect(of('http.host')).toEqual(['https://registry.example', 'REGISTRY_HTTP_HOST'])
  expect(of('http.headers.X-One')).toEqual(['["a","b"]', file])
  expect(of('log.fields.service')).toEqual(['registry', file])
  expect(of('log.fields.place')).toEqual(['attic', 'REGISTRY_LOG_FIELDS_PLACE'])
  expect(of('http.prefix')).toEqual(['/', 'default'])
})

test('defaults are those that hold with this file', async () => {
  const settings = await shown('version: 0.1\nberth:\n  workers: 11\n  database:\n    url: postgres://h/d\n')
  expect(settings.get('storage.delete.enabled')?.value).toBe('false')
  expect(settings.get('storage.filesystem.rootdirectory')?.value).toBe('/var/lib/registry')
  expect(settings.get('berth.database.connections')?.value).toBe('22')
})

test('what was not chosen is not shown', async () => {
  const settings = await shown('auth:\n  htpasswd:\n    path: /x\nstorage: inmemory\n')
  const names = [...settings.keys()]
  expect(names.filter((name) => /^auth\.(token|silly)|filesystem|^storage\.s3|^proxy/.test(name))).toEqual([])
  expect(names).toContain('storage.inmemory')
})

test('no secret is shown, wherever it stands', async () => {
  const settings = await shown(
    [
      'http:\n  secret: hunter2',
      'health:\n  http:\n    - uri: http://user:hunter2@a.test/\n      headers:\n        Authorization: [Bearer hunter2]',
      'redis:\n  password: hunter2',
      'notifications:\n  endpoints:\n    - headers:\n        Authorization: [hunter2]',
      'berth:\n  database:\n    url: postgres://u:hunter2@h/d\n',
    ].join('\n'),
  )
  const text = JSON.stringify([...settings.values()])
  expect(text).not.toContain('hunter2')
  for (const name of ['http.secret', 'health.http', 'redis', 'notifications', 'berth.database.url']) {
    expect(settings.get(name)?.value).toContain('********')
  }
})

test('of an address with a name and a password neither is shown, nor what its query says', async () => {
  const settings = await shown(
    [
      'health:\n  http:\n    - uri: http://user:p@hunter2@a.test:81/x?token=hunter2&kind=hunter2#end',
      'auth:\n  token:\n    realm: https://a.test/\n    service: s\n    issuer: i\n    jwks: https://user:hunter2@b.test/keys\n',
    ].join('\n'),
  )
  expect(JSON.stringify([...settings.values()])).not.toContain('hunter2')
  expect(settings.get('health.http')?.value).toContain(
    'http://********@a.test:81/x?token=********&kind=********#end',
  )
  expect(settings.get('auth.token.jwks')?.value).toBe('https://********@b.test/keys')
  expect(settings.get('auth.token.realm')?.value).toBe('https://a.test/')
})
