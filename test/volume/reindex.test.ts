/** `berth reindex`: the database comes back from the images' folder, whether it was lost, is damaged, or is merely doubted. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import { type RegistryContents, readRegistry } from '../clients/registry-contents.ts'
import { multiArchImage, smallImage } from '../clients/sample-images.ts'
import { tryCommand } from '../tools/command.ts'
import { filesUnder } from './files.ts'

setDefaultTimeout(60_000)

const data = mkdtempSync(join(tmpdir(), 'reindex-test-'))
let served: RegistryContents
let untagged: Record<string, string[]>

beforeAll(async () => {
  await using berth = await startBerth({ data })
  const [one, two] = [smallImage('one'), smallImage('two')]
  await pushImage(berth.url, 'app', '1', one)
  await pushImage(berth.url, 'app', 'latest', one)
  await pushImage(berth.url, 'app', 'latest', two)
  await pushImage(berth.url, 'app', null, smallImage('untagged'))
  await pushImage(berth.url, 'team/multi', '1', multiArchImage('reindex'))
  await pushManifest(berth.url, 'team/multi', '2', multiArchImage('reindex').root)
  await deleteManifest(berth.url, 'team/multi', '2')
  untagged = { app: [smallImage('untagged').root.digest] }
  served = await readRegistry(berth.url, untagged)
  await berth.stop()
})
afterAll(() => rmSync(data, { recursive: true }))

async function reindex(): Promise<{ readonly code: number; readonly printed: string }> {
  const [program = '', ...args] = [...FROM_SOURCE, 'reindex', '--data', data]
  const { exitCode, stdout, stderr } = await tryCommand(program, args)
  return { code: exitCode, printed: stdout + stderr }
}

async function expectServed(): Promise<void> {
  await using berth = await startBerth({ data })
  expect(await readRegistry(berth.url, untagged)).toEqual(served)
  await berth.stop()
}

test('refuses while a server runs', async () => {
  await using berth = await startBerth({ data })
  const { code, printed } = await reindex()
  expect(code).toBe(1)
  expect(printed).toContain('Another Berth works on')
  await berth.stop()
})

test('brings everything back from a database that was lost, and touches no image', async () => {
  for (const name of readdirSync(join(data, 'berth'))) {
    if (name.startsWith('berth.db')) rmSync(join(data, 'berth', name))
  }
  const before = filesUnder(join(data, 'docker'))
  const { code, printed } = await reindex()
  expect(printed).toContain('The database knows 2 repositories again')
  expect(code).toBe(0)
  expect(filesUnder(join(data, 'docker'))).toEqual(before)
  await expectServed()
})

test('puts a damaged database aside', async () => {
  writeFileSync(join(data, 'berth/berth.db'), 'this was a database once'.repeat(1000))
  const { code, printed } = await reindex()
  expect(printed).toContain('was put aside as')
  expect(code).toBe(0)
  expect(readdirSync(join(data, 'berth')).some((name) => name.startsWith('berth.db.damaged-'))).toBe(true)
  await expectServed()
})

test('builds one anew that can be read, and keeps what the images cannot tell', async () => {
  {
    await using berth = await startBerth({ data })
    await deleteManifest(berth.url, 'app', '1')
    served = await readRegistry(berth.url, untagged)
    await berth.stop()
  }
  expect((await reindex()).code).toBe(0)
  const { Database } = await import('bun:sqlite')
  const database = new Database(join(data, 'berth/berth.db'))
  const trashed = database.query('SELECT name FROM trashed_tags').all()
  const open = database.query('SELECT count(*) AS count FROM tag_history WHERE until_at IS NULL').get()
  database.close()
  expect(trashed).toEqual([{ name: '1' }])
  expect(open).toEqual({ count: 2 })
  await expectServed()
})
