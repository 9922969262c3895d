/**
 * Every setting that Berth has does what it is for: a table for each section says how a key is set, by the file and by
 * variables, and what is then seen from outside. A key without a row is a failure.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { settingsSchema } from '../../src/config/schema.ts'
import { kindOf, listKeys, type NamedSetting } from '../../src/config/setting.ts'
import { type ArrangedServer, startArranged, type Way } from './arranged-server.ts'
import { AUTH } from './auth.table.ts'
import { BACKUP_ELSEWHERE } from './backup.table.ts'
import { COLLECTION_ELSEWHERE } from './collection.table.ts'
import { DATABASE, DATABASE_ELSEWHERE } from './database.table.ts'
import { HEALTH } from './health.table.ts'
import { HTTP } from './http.table.ts'
import { LOG } from './log.table.ts'
import { MANIFESTS } from './manifests.table.ts'
import type { Observed } from './observed.ts'
import { SCRUB_ELSEWHERE } from './scrub.table.ts'
import { readTest } from './shown-elsewhere.ts'
import { STORAGE, STORAGE_ELSEWHERE } from './storage.table.ts'
import { TLS } from './tls.table.ts'

setDefaultTimeout(30_000)

const TABLES: readonly Observed[] = [
  ...LOG,
  ...STORAGE,
  ...HTTP,
  ...TLS,
  ...AUTH,
  ...HEALTH,
  ...MANIFESTS,
  ...DATABASE,
]
const ELSEWHERE = [
  ...STORAGE_ELSEWHERE,
  ...DATABASE_ELSEWHERE,
  ...BACKUP_ELSEWHERE,
  ...COLLECTION_ELSEWHERE,
  ...SCRUB_ELSEWHERE,
]
const WAYS: readonly Way[] = ['the file', 'variables']

for (const observed of TABLES) {
  for (const way of observed.ways ?? WAYS) {
    describe(`${observed.what}, by ${way}`, () => {
      let server: ArrangedServer
      beforeAll(async () => {
        server = await startArranged(observed, way)
      })
      afterAll(() => server?.[Symbol.asyncDispose]())
      for (const [key, isSeen] of Object.entries(observed.keys)) {
        test(key, async () => {
          await isSeen(server)
        })
      }
    })
  }
}

test('every key that Berth does something with has a row', () => {
  const shown = new Set([
    ...TABLES.flatMap(({ keys }) => Object.keys(keys)),
    ...ELSEWHERE.map(({ key }) => key),
  ])
  expect(
    listKeys(settingsSchema)
      .filter(doesSomething)
      .map(({ name }) => name)
      .filter((name) => !shown.has(name)),
  ).toEqual([])
})

/** A list of sections does nothing but by what stands in its items. */
function doesSomething({ facts, schema }: NamedSetting): boolean {
  const kind = kindOf(schema)
  const isList = kind.kind === 'list' && kindOf(kind.item).kind === 'section'
  return !isList && (facts.unneeded ?? facts.ignored ?? facts.refused) === undefined
}

test('no row is about a key that is not there', () => {
  const known = new Set(listKeys(settingsSchema).map(({ name }) => name))
  const named = [...TABLES.flatMap(({ keys }) => Object.keys(keys)), ...ELSEWHERE.map(({ key }) => key)]
  expect(named.filter((key) => !known.has(key))).toEqual([])
})

test.each(ELSEWHERE)('$key is shown by a test in $file', ({ file, title, by }) => {
  const body = readTest({ file, title })
  expect(body).toContain(by)
  expect(body).toContain('expect(')
})
