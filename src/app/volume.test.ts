/** The folder is durable before anything is put in it, and a folder and a database that do not belong together are refused. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeOldVolume } from '../../test/old-volume.ts'
import { describeOnDatabases, openOnSqlite } from '../../test/registry-bench.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { claimSameIdentity, claimVolume, requireSameIdentity, VolumeRefused } from './volume.ts'

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'berth-volume-test-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

test('a folder keeps its id from one start to the next', async () => {
  const first = await claimVolume(join(parent, 'data'), 'exclusive')
  first.lock.release()
  const second = await claimVolume(join(parent, 'data'), 'exclusive')
  second.lock.release()
  expect(second.facts).toEqual({ ...first.facts, start: second.facts.start })
  expect(second.facts.start).not.toBe(first.facts.start)
  expect(second.facts.hasContent).toBe(false)
})

describeWith('a new folder, seen by strace', ['strace'], ({ strace }) => {
  test('is on disk, from its id up to the folder that was there, when it has been claimed', () => {
    const [root, log] = [join(parent, 'new', 'data'), join(parent, 'strace.log')]
    const program = `
      const { claimVolume } = await import(${JSON.stringify(join(import.meta.dir, 'volume.ts'))})
      await claimVolume(${JSON.stringify(root)}, 'exclusive')
    `
    const watch = ['-f', '-y', '-o', log, '-e', 'trace=fsync,rename,renameat,renameat2']
    const { exitCode } = Bun.spawnSync([strace, ...watch, process.execPath, '-e', program])
    expect(exitCode).toBe(0)
    const lines = readFileSync(log, 'utf8').split('\n')
    const synced = (from: number) =>
      lines.slice(from).flatMap((line) => /fsync\(\d+<([^>]*)>/.exec(line)?.[1] ?? [])
    expect(synced(0)).toEqual(expect.arrayContaining([parent, join(parent, 'new'), root]))
    const renamed = lines.findIndex((line) => /rename\w*\(.*berth\/id"/.test(line))
    expect(synced(renamed)).toContain(join(root, 'berth'))
  })
})

describeOnDatabases('the identity', (open) => {
  test('of one database goes to one of two folders that come at once', async () => {
    const bench = await open({ storage: 'memory' })
    const folders = ['one', 'two'].map((id) => ({
      root: `/srv/${id}`,
      id,
      start: 'this one',
      hasContent: false,
      isAdopted: false,
    }))
    for (const folder of folders) await requireSameIdentity(bench.database, folder)
    const claims = await Promise.allSettled(
      folders.map((folder) => claimSameIdentity(bench.database, folder)),
    )
    expect(claims.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const refused = claims.find((claim) => claim.status === 'rejected')
    expect(refused?.reason).toBeInstanceOf(VolumeRefused)
    expect(refused?.reason).toMatchObject({
      message: expect.stringContaining('belongs to another data folder'),
    })
    await bench.close()
  })

  test('of an empty database does not go to a folder with images', async () => {
    const bench = await open({ storage: 'memory' })
    const folder = { root: '/srv/one', id: 'one', start: 'this one', hasContent: true, isAdopted: false }
    const refusal = await requireSameIdentity(bench.database, folder).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(VolumeRefused)
    await bench.close()
  })
})

test('a folder that is held together keeps its start until nobody holds it', async () => {
  const root = join(parent, 'shared')
  const claims = await Promise.all([claimVolume(root, 'shared'), claimVolume(root, 'shared')])
  const late = await claimVolume(root, 'shared')
  expect(new Set([...claims, late].map(({ facts }) => facts.start)).size).toBe(1)
  expect(new Set([...claims, late].map(({ facts }) => facts.id)).size).toBe(1)
  for (const { lock } of [...claims, late]) lock.release()
  const next = await claimVolume(root, 'shared')
  expect(next.facts.start).not.toBe(late.facts.start)
  expect(next.facts.id).toBe(late.facts.id)
  next.lock.release()
})

test('a folder that another registry filled is taken over until a database knows its id', async () => {
  const root = join(parent, 'old')
  makeOldVolume(root, { repositories: 1, tags: 1 })
  for (const _ of ['the first start', 'and the next one, after a crash']) {
    const { facts, lock } = await claimVolume(root, 'exclusive')
    expect(facts).toMatchObject({ hasContent: true, isAdopted: true })
    lock.release()
  }
  const bench = await openOnSqlite({ storage: 'memory' })
  const { facts, lock } = await claimVolume(root, 'exclusive')
  await requireSameIdentity(bench.database, facts)
  await claimSameIdentity(bench.database, facts)
  lock.release()
  const known = await claimVolume(root, 'exclusive')
  expect(known.facts).toMatchObject({ id: facts.id, isAdopted: false })
  known.lock.release()
  await bench.close()
})
