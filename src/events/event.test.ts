import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteInPlace } from '../../test/sqlite-in-place.ts'
import { command, type Database } from '../metadata/database.ts'
import { findOrCreateRepository } from '../metadata/repositories.ts'
import { integer, text } from '../metadata/row.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { digestOf } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { type RegistryEvent, record } from './event.ts'

const deleted: RegistryEvent = {
  kind: 'tag.deleted',
  tag: parseTag('v1'),
  digest: digestOf(new Uint8Array([1])),
}

const recordThen = command('test.record', async (tx, input: { readonly refuse: boolean }) => {
  const repository = await findOrCreateRepository(tx, parseRepositoryName('team/app'))
  await record(tx, repository, 'ann', deleted)
  if (input.refuse) throw new RegistryError('DENIED')
  return { repository, now: tx.now }
})

const folder = mkdtempSync(join(tmpdir(), 'berth-events-'))
let database: Database
beforeAll(async () => {
  const path = join(folder, 'berth.db')
  database = await openSqliteInPlace({ path, migrations: MIGRATIONS, settle: async () => new Map() })
})
afterAll(async () => {
  await database.close()
  rmSync(folder, { recursive: true })
})

function events() {
  return database.all('SELECT * FROM events ORDER BY id', [], (row) => ({
    kind: text(row, 'kind'),
    repository: integer(row, 'repository_id'),
    actor: text(row, 'actor'),
    facts: JSON.parse(text(row, 'facts')),
    at: integer(row, 'happened_at'),
  }))
}

test('an event is there if what it tells of was committed, and only then', async () => {
  await database.write(recordThen, { refuse: true }).catch(() => undefined)
  expect(await events()).toEqual([])
  const { repository, now } = await database.write(recordThen, { refuse: false })
  expect(await events()).toEqual([
    {
      kind: 'tag.deleted',
      repository,
      actor: 'ann',
      facts: { tag: 'v1', digest: digestOf(new Uint8Array([1])) },
      at: now,
    },
  ])
})
