import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type BackupBench, openBackupBench } from '../../test/backup-bench.ts'
import { command } from './database.ts'
import { insertTableRows, lastingTables, listTableRows, type TableRow, type TableShape } from './tables.ts'

let bench: BackupBench
beforeAll(async () => {
  bench = await openBackupBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

function shape(name: string, ...refersTo: string[]): TableShape {
  return { name, columns: [{ name: 'id', kind: 'integer' }], key: ['id'], refersTo }
}

test('a table comes after those that it refers to, and what is of the moment does not come at all', () => {
  const shapes = [
    shape('a', 'c'),
    shape('b'),
    shape('c', 'd'),
    shape('d', 'd'),
    shape('uploads', 'a'),
    shape('jobs'),
  ]
  expect(lastingTables(shapes).map(({ name }) => name)).toEqual(['b', 'd', 'c', 'a'])
  expect(() => lastingTables([shape('a', 'b'), shape('b', 'a')])).toThrow('in a circle')
})

test('a page holds no more bytes than it may, and a row at least', async () => {
  const { database } = await bench.open('sqlite')
  const table = lastingTables(await database.listTables()).find(({ name }) => name === 'manifest_payloads')
  if (table === undefined) throw new Error('there is no table of payloads')
  const place = (column: string) => table.columns.findIndex(({ name }) => name === column)
  const rows = [100, 5000, 10, 10, 10].map((size, index) =>
    table.columns.map(({ name, kind }) => {
      if (name === 'bytes') return new Uint8Array(size)
      return kind === 'integer' ? 1 : `digest ${index}`
    }),
  )
  await database.write(
    command('test.insert', (tx, _: null) => insertTableRows(tx, table, rows)),
    null,
  )
  const pages: number[] = []
  for (let after: TableRow | null = null; ; ) {
    const page: TableRow[] = await listTableRows(database, table, after, { rows: 2, bytes: 1000 })
    if (page.length === 0) break
    pages.push(...page.map((row) => (row[place('bytes')] as Uint8Array).length), 0)
    after = page.at(-1) ?? null
  }
  expect(pages).toEqual([100, 0, 5000, 0, 10, 10, 0, 10, 0])
})
