/** In which order rows are locked on PostgreSQL: all do it in the same one, so that two who meet never wait for each other. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import { newBlob, pushBlob } from '../../test/sample-content.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { addBlob } from './blobs.commands.ts'
import { restoreManifestsCommand } from './restoration.commands.ts'

/** A write, and the first of its values. */
type Statement = readonly [sql: string, first: unknown]

describeOnDatabases('locks are taken in one order', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
    repository = bench.newRepository()
  })
  afterAll(() => bench.close())

  /** What some work in the repository writes. */
  async function writesOf(work: (tx: Transaction, repository: RepositoryId) => Promise<unknown>) {
    const writes: Statement[] = []
    const recorded = command('test.record', async (tx) => {
      const recording: Transaction = {
        now: tx.now,
        boot: tx.boot,
        marks: tx.marks,
        one: (sql, values, decode) => tx.one(sql, values, decode),
        all: (sql, values, decode) => tx.all(sql, values, decode),
        run(sql, values) {
          writes.push([sql, values[0]])
          return tx.run(sql, values)
        },
      }
      await work(recording, (await findRepositoryId(tx, repository)) as RepositoryId)
    })
    await bench.database.write(recorded, undefined)
    return writes
  }

  test('where a blob is uploaded once more: its row, its link, its review', async () => {
    const { digest, bytes } = await pushBlob(bench.registry, repository)
    const writes = await writesOf((tx, id) => addBlob(tx, id, { digest, size: bytes.length, lease: 1000 }))
    const at = (table: RegExp) => writes.findIndex(([sql]) => table.test(sql))
    const link = writes.findLastIndex(([sql]) => /UPDATE repository_blobs\b/.test(sql))
    expect(at(/INTO blobs\b/)).toBeLessThan(link)
    expect(link).toBeLessThan(at(/INTO gc_reviews\b/))
  })

  test('where lost blobs are forgotten: that of their digests', async () => {
    await pushBlob(bench.registry, repository)
    const digests = Array.from({ length: 9 }, () => newBlob().digest).toSorted()
    const lost = digests.toReversed().map((digest) => ({ digest, epoch: 1 }))
    const writes = await writesOf((tx, id) =>
      restoreManifestsCommand.run(tx, {
        repository: id,
        trash: null,
        digests: [],
        lost,
        by: 'ann',
        lease: 1000,
      }),
    )
    const forgotten = writes.flatMap(([sql, first]) => (sql.startsWith('DELETE FROM blobs') ? [first] : []))
    expect(forgotten).toEqual(digests)
  })
})
