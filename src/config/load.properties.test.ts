/** What holds for settings whatever stands in the environment and the file: a whole Config, or sentences. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Config, ConfigError } from './config.ts'
import { Draft } from './draft.ts'
import type { Environment } from './env.ts'
import { loadConfig } from './load.ts'
import { settingsSchema } from './schema.ts'
import { kindOf, listKeys, listSettings } from './setting.ts'
import { readVariables, variableOf } from './variables.ts'

// Hundreds of files each, beside other tests.
setDefaultTimeout(30_000)

const folder = mkdtempSync(join(tmpdir(), 'berth-config-properties-'))
afterAll(() => rmSync(folder, { recursive: true }))

const VARIABLES = listSettings(settingsSchema)
  .filter(({ name, schema }) => name !== 'version' && kindOf(schema).kind === 'value')
  .map(({ name }) => variableOf(name))
const value = fc.oneof(
  fc.constantFrom(
    '',
    'true',
    'false',
    '0',
    '1',
    '-1',
    'auto',
    'inmemory',
    'filesystem',
    'json',
    'debug',
    ':5000',
  ),
  fc.constantFrom('7d', '/srv', 'https://a.test', 'postgres://u@h/d', 'unix:/s', '1e9', '__proto__'),
  fc.string({ unit: 'grapheme' }),
)
const environment: fc.Arbitrary<Environment> = fc.dictionary(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...VARIABLES) },
    fc.string({ unit: fc.constantFrom(...'ABEHRT_') }).map((end) => `BERTH_${end}`),
  ),
  value,
  { maxKeys: 4 },
)

async function load(environment: Environment, file: string | null): Promise<Config | readonly string[]> {
  try {
    const flags = { addr: null, data: null }
    return (await loadConfig({ file, environment, flags, isTerminal: false })).config
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

function expectUsable(loaded: Config | readonly string[]): void {
  if (Array.isArray(loaded)) {
    expect(loaded.length).toBeGreaterThan(0)
    for (const sentence of loaded) expect(sentence).toMatch(/[.?]$/)
  } else {
    expect(loaded).toMatchObject({
      workers: expect.any(Number),
      shutdownGraceMilliseconds: expect.any(Number),
    })
  }
}

/** Of any section, list or map, and of what may stand in it. */
const anyVariable = fc
  .tuple(
    fc.constantFrom(
      ...listKeys(settingsSchema).flatMap(({ name }) => {
        const steps = name.replace('[]', '.0').split('.')
        return steps.map((_, length) => variableOf(steps.slice(0, length + 1).join('.')))
      }),
    ),
    fc.constantFrom('', '', '_0', '_1', '_X-Y', '_FILE', '__PROTO__', '_0_1'),
  )
  .map(([name, end]) => `${name}${end}`)
const yaml = fc.oneof(
  value,
  fc.constantFrom(
    '{}',
    '[]',
    '[{}]',
    '{a: b}',
    '[a, b]',
    '[[1]]',
    'null',
    '{a: [b, {c: d}]}',
    '{__proto__: 1}',
  ),
  fc.json({ maxDepth: 3 }),
)

test('whatever the environment holds of sections, lists and maps, it is a whole configuration, or sentences', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(anyVariable, yaml, { maxKeys: 4 }), async (environment) =>
      expectUsable(await load(environment, null)),
    ),
    { numRuns: 500 },
  )
})

test('whatever the environment holds, it is a whole configuration, or sentences', async () => {
  await fc.assert(
    fc.asyncProperty(environment, async (environment) => expectUsable(await load(environment, null))),
    { numRuns: 200 },
  )
})

test('a database URL that is wrong is in no sentence, for it may hold a password', async () => {
  const url = fc.string({ unit: fc.constantFrom(...'postgres:/@?#%'), minLength: 1 })
  await fc.assert(
    fc.asyncProperty(url, async (url) => {
      const loaded = await load({ BERTH_DATABASE_URL: `${url}p4ssw0rd` }, null)
      if (Array.isArray(loaded)) expect(loaded.join(' ')).not.toContain('p4ssw0rd')
    }),
    { numRuns: 100 },
  )
})

test('every variable is a setting, is empty, or is told of', async () => {
  await fc.assert(
    fc.asyncProperty(environment, async (environment) => {
      const given = new Draft()
      const warnings = await readVariables(environment, given)
      const known = Object.entries(environment).filter(([name]) => VARIABLES.includes(name))
      for (const [name, value] of known) {
        const isSet = listSettings(settingsSchema).some(
          (each) => given.originOf(each.name.split('.'))?.origin.words === name,
        )
        expect(isSet).toBe(value !== '')
      }
      expect(warnings.length).toBeLessThanOrEqual(Object.keys(environment).length - known.length)
      for (const warning of warnings) expect(warning).toContain('sets nothing in Berth')
    }),
    { numRuns: 200 },
  )
})

test('whatever stands in the file, it is a whole configuration, or sentences', async () => {
  const file = join(folder, 'config.yml')
  const key = fc.constantFrom(
    'version',
    'http',
    'addr',
    'storage',
    'filesystem',
    'rootdirectory',
    'berth',
    'log',
    'level',
    'workers',
    '__proto__',
    'toString',
  )
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.oneof(value, fc.constant(0.1), fc.integer(), fc.constant(null), fc.boolean()),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      fc.array(tie('tree'), { maxLength: 2 }),
    ),
  }))
  // Every JSON document is YAML.
  const text = fc.oneof(
    tree.map((value) => JSON.stringify(value)),
    fc.string({ unit: fc.constantFrom(...'a:-{}[]&*!|><~%#?\\ \n"') }),
  )
  await fc.assert(
    fc.asyncProperty(text, async (text) => {
      writeFileSync(file, text)
      expectUsable(await load({}, file))
    }),
    { numRuns: 200 },
  )
})
