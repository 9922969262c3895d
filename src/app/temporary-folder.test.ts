/** What the dead leave behind is removed, and what the living use is not. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findWriterLock } from '../metadata/sqlite/lock.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'berth-temporary-test-'))
})
afterEach(() => rmSync(parent, { recursive: true }))

/** A folder as an earlier Berth made it, two minutes ago. */
function earlier(name: string): string {
  const folder = join(parent, name)
  mkdirSync(folder)
  const past = new Date(Date.now() - 120_000)
  utimesSync(folder, past, past)
  return folder
}

test('the folder of a dead process is removed; those in use, new or of others stay', async () => {
  const [dead, used, foreign] = ['berth-memory-dead', 'berth-memory-used', 'else'].map(earlier)
  const lock = findWriterLock(join(used ?? '', 'berth.db'))
  utimesSync(used ?? '', 0, 0)
  const fresh = join(parent, 'berth-memory-fresh')
  mkdirSync(fresh)
  const { databasePath } = await makeTemporaryFolder(parent)
  expect([dead, used, foreign, fresh].map((folder) => existsSync(folder ?? ''))).toEqual([
    false,
    true,
    true,
    true,
  ])
  expect(existsSync(dirname(databasePath))).toBe(true)
  lock?.release()
})

test('a folder goes when it is removed', async () => {
  const folder = await makeTemporaryFolder(parent)
  await folder.remove()
  expect(existsSync(dirname(folder.databasePath))).toBe(false)
})
