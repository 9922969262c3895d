/** Every secret may lie in a file. That none is shown stands in show.test.ts. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'
import { settingsSchema } from './schema.ts'
import { listKeys } from './setting.ts'
import { variableOf } from './variables.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
afterAll(() => rmSync(folder, { recursive: true }))

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

describe('a secret from a file', () => {
  const secrets = listKeys(settingsSchema).filter(({ facts }) => facts.isSecret === true)

  test.each(secrets.map(({ name }) => name))('%s', async (name) => {
    const file = join(folder, 'secret')
    const value = name.endsWith('headers')
      ? 'Authorization: [Bearer x]\n'
      : 'postgres://berth:secret@db/berth\n'
    writeFileSync(file, value)
    const variable = `${variableOf(name.replace('[]', '.0'))}_FILE`
    const { given } = await load({ REGISTRY_HEALTH_HTTP_0_URI: 'http://a.test/', [variable]: file })
    const expected = name.endsWith('headers') ? { Authorization: ['Bearer x'] } : value.trim()
    expect(given.get(name.replace('[]', '.0').split('.'))).toEqual(expected)
  })

  test('also one header of many', async () => {
    const file = join(folder, 'header')
    writeFileSync(file, 'Bearer: [x\n')
    const { config } = await load({
      REGISTRY_HEALTH_HTTP_0_URI: 'http://a.test/',
      REGISTRY_HEALTH_HTTP_0_HEADERS_AUTHORIZATION_FILE: file,
      REGISTRY_HEALTH_HTTP_0_HEADERS_ACCEPT: 'text/plain',
    })
    expect(config.health.http[0]?.headers).toEqual({ authorization: ['Bearer: [x'], accept: ['text/plain'] })
  })
})

test('a secret and its file are not both set, and the file must be there', async () => {
  const file = join(folder, 'url')
  writeFileSync(file, 'postgres://berth:secret@db/berth\n')
  expect((await load({ BERTH_DATABASE_URL_FILE: file })).config.database).toMatchObject({
    url: 'postgres://berth:secret@db/berth',
  })
  expect(await problemsOf({ BERTH_DATABASE_URL_FILE: file, BERTH_DATABASE_URL: 'postgres://db/b' })).toEqual([
    'BERTH_DATABASE_URL and BERTH_DATABASE_URL_FILE are both set. Keep one.',
  ])
  const [problem] = await problemsOf({ BERTH_DATABASE_URL_FILE: '/nowhere/url' })
  expect(problem).toBe('BERTH_DATABASE_URL_FILE names /nowhere/url, which cannot be read (ENOENT).')
})
