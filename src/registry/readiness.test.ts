import { expect, test } from 'bun:test'
import { DelegatingBlobStore } from '../../test/delegating-stores.ts'
import { openOnSqlite } from '../../test/registry-bench.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { checkReadiness } from './readiness.ts'

class SilentBlobs extends DelegatingBlobStore {
  override stat(): Promise<number | null> {
    return new Promise(() => {})
  }
}

class UnreadableBlobs extends DelegatingBlobStore {
  override stat(): Promise<number | null> {
    return Promise.reject(new StorageUnavailable('/data cannot be read: mount it.'))
  }
}

test('a registry with a database and a storage is ready, although both are empty', async () => {
  const bench = await openOnSqlite({ storage: 'memory' })
  expect(await checkReadiness(bench.registry)).toEqual({ isReady: true, problems: [] })
  await bench.close()
})

test('a storage that cannot say what it holds is a problem', async () => {
  const bench = await openOnSqlite({ storage: 'memory', blobs: (real) => new UnreadableBlobs(real) })
  expect(await checkReadiness(bench.registry)).toEqual({
    isReady: false,
    problems: [
      {
        sentence: 'The storage cannot be read now.',
        error: new StorageUnavailable('/data cannot be read: mount it.'),
      },
    ],
  })
  await bench.close()
})

test('a database that does not answer is a problem beside the others', async () => {
  const bench = await openOnSqlite({ storage: 'memory', blobs: (real) => new UnreadableBlobs(real) })
  await bench.close()
  const { isReady, problems } = await checkReadiness(bench.registry)
  expect(isReady).toBe(false)
  expect(problems.map(({ sentence }) => sentence)).toEqual([
    'The database cannot be read now.',
    'The database takes no writes now.',
    'The storage cannot be read now.',
  ])
})

test('what gives no answer is a problem after a while', async () => {
  const bench = await openOnSqlite({ storage: 'memory', blobs: (real) => new SilentBlobs(real) })
  const { problems } = await checkReadiness(bench.registry, 20)
  expect(problems).toEqual([
    { sentence: 'The storage cannot be read now.', error: new Error('no answer within 20 ms') },
  ])
  await bench.close()
})
