/** What the dead leave behind is removed, and what the living use is not. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describeUnless } from '../../test/tools/describe-with.ts'
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

test('a link is not followed, nor is a file made in what it leads to', async () => {
  const elsewhere = earlier('else')
  symlinkSync(elsewhere, join(parent, 'berth-memory-link'))
  await makeTemporaryFolder(parent)
  expect(readdirSync(elsewhere)).toEqual([])
  expect(existsSync(join(parent, 'berth-memory-link'))).toBe(true)
})

const isRoot = process.getuid?.() === 0
describeUnless('a folder of another user', isRoot ? [] : ['making one needs root'], () => {
  test('is left alone', async () => {
    const foreign = earlier('berth-memory-foreign')
    chownSync(foreign, 65_534, 65_534)
    await makeTemporaryFolder(parent)
    expect(readdirSync(foreign)).toEqual([])
  })
})

test('a folder goes when it is removed', async () => {
  const folder = await makeTemporaryFolder(parent)
  await folder.remove()
  expect(existsSync(dirname(folder.databasePath))).toBe(false)
})
