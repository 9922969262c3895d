/** Points in a folder of backups: what their names promise holds after a power loss too. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf } from '../../../test/registry-bench.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { openBackupFolder } from '../../storage/filesystem/backup-folder.ts'
import { BackupDamaged } from './metadata-format.ts'
import { listPoints, type Point, putPoint, removePoint } from './points.ts'

const FACTS = { blobs: 0, bytes: 0, digest: '', lacks: [], lacking: 0 }
const ORIGIN = { registry: 'r', program: '1.2.3', schema: 1, source: { folder: '/', database: 'sqlite' } }
const POINT: Point = {
  ...FACTS,
  ...ORIGIN,
  name: '2026-01-02T03-04-05.678Z',
  madeAt: 1,
  finishedAt: 2,
}

let place: string
let folder: BackupFolder
let done: string[]
beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'points-test-'))
  const real = await openBackupFolder(place)
  done = []
  folder = {
    path: real.path,
    write: (path, bytes) => real.write(path, bytes),
    read: (path) => real.read(path),
    stat: (path) => real.stat(path),
    list: (path) => real.list(path),
    clear: () => real.clear(),
    rename: (from, to) => noted(`rename ${from} ${to}`, real.rename(from, to)),
    remove: (path) => noted(`remove ${path}`, real.remove(path)),
    sync: (path) => noted(`sync ${path}`, real.sync(path)),
  }
})
afterEach(() => rmSync(place, { recursive: true }))

function noted<T>(what: string, work: Promise<T>): Promise<T> {
  done.push(what)
  return work
}

describe('a point', () => {
  test('gets its final name when what is in it is durable', async () => {
    await putPoint(folder, POINT)
    const final = `points/${POINT.name}`
    expect(done).toEqual([`sync ${final}.partial`, `rename ${final}.partial ${final}`, 'sync points'])
    expect(await listPoints(folder)).toEqual([POINT])
  })

  test('that names no digest among what it lacks is damaged', async () => {
    const lacks = [{ digest: 'sha256:../..', why: 'missing' }] as unknown as Point['lacks']
    await putPoint(folder, { ...POINT, lacks })
    expect(await failureOf(listPoints(folder))).toBeInstanceOf(BackupDamaged)
  })

  test('has lost its name for good before anything of it goes', async () => {
    await putPoint(folder, POINT)
    done = []
    await removePoint(folder, POINT)
    const final = `points/${POINT.name}`
    expect(done).toEqual([`rename ${final} ${final}.partial`, 'sync points', `remove ${final}.partial`])
    expect(await listPoints(folder)).toEqual([])
  })
})
