import { expect, test } from 'bun:test'
import { describeOnDatabases } from '../../test/registry-bench.ts'
import { until } from '../../test/until.ts'
import { DatabaseFull } from '../metadata/unavailable.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../storage/blob-store.ts'
import { Obstacles, type ObstructedPlace, tryRegistry } from './obstacles.ts'

/** A place fails of what stands in `failing`, and what is told is written down. */
function watched() {
  const told: string[] = []
  const tried: [ObstructedPlace, number][] = []
  const failing = new Map<ObstructedPlace, Error>()
  const obstacles = new Obstacles({
    everyMilliseconds: 5,
    async attempt(place, bytes) {
      tried.push([place, bytes])
      const error = failing.get(place)
      if (error !== undefined) throw error
    },
    watch: {
      began: (place, error) => told.push(`${place}: ${error.message}`),
      ended: (place) => told.push(`${place} ended`),
    },
  })
  return { obstacles, told, tried, failing }
}

test('what many requests fail of is told once, and once when it has ended', async () => {
  const { obstacles, told, failing } = watched()
  const full = new StorageFull('the disk is full')
  failing.set('storage', full)
  for (const _ of [1, 2, 3]) expect(obstacles.notice(full)).toBe(true)
  expect(told).toEqual(['storage: the disk is full'])
  expect(obstacles.problems).toEqual({
    storage: 'The disk of the images is full: pulls go on, and nothing can be pushed.',
  })
  failing.clear()
  await until('it has ended', () => told.length === 2)
  expect([told[1], obstacles.problems]).toEqual(['storage ended', {}])
  await obstacles.stop()
})

test('it ends only when there is some room again, and what replaces it is told', async () => {
  const { obstacles, told, tried, failing } = watched()
  failing.set('storage', new StorageFull('the disk is full'))
  await until('it is found', () => told.length === 1)
  failing.set('storage', new StorageReadOnly('the disk is read-only'))
  await until('the other one is found', () => told.length === 2)
  failing.clear()
  await until('it has ended', () => told.length === 3)
  expect(told).toEqual(['storage: the disk is full', 'storage: the disk is read-only', 'storage ended'])
  const sizes = tried.filter(([place]) => place === 'storage').map(([, bytes]) => bytes)
  expect([sizes[0], sizes[1]]).toEqual([4096, 1024 * 1024])
  await obstacles.stop()
})

test('the database and the storage are told apart', async () => {
  const { obstacles, failing } = watched()
  const full = new DatabaseFull('the disk is full')
  failing.set('database', full)
  obstacles.notice(full)
  expect([...obstacles.found]).toEqual([['database', 'full']])
  await obstacles.stop()
})

test('what is no obstacle is left to whoever met it', async () => {
  const { obstacles, told, tried, failing } = watched()
  failing.set('storage', new StorageUnavailable('the disk reported an error'))
  expect(obstacles.notice(new StorageUnavailable('the disk reported an error'))).toBe(false)
  expect(obstacles.notice(new Error('a defect'))).toBe(false)
  await until('it was looked at', () => tried.length > 0)
  expect([told, obstacles.problems]).toEqual([[], {}])
  await obstacles.stop()
})

describeOnDatabases('a trial', (open) => {
  test('leaves nothing behind', async () => {
    const bench = await open()
    const attempt = tryRegistry(bench.registry)
    const before = await bench.rows('SELECT key FROM settings ORDER BY key')
    for (const place of ['storage', 'database'] as const) await attempt(place, 100_000)
    expect(await bench.rows('SELECT key FROM settings ORDER BY key')).toEqual(before)
    expect(await Array.fromAsync(bench.registry.blobs.listUploads())).toEqual([])
    await bench.close()
  })
})
