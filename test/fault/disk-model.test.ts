/** The modelled disk forgets what a real one may forget, and nothing else. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskModel, EVERYTHING, NOTHING_UNSYNCED, type Survives } from './disk-model.ts'
import { hex, readCalls } from './recording.ts'

const ROOT = '/srv'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-model-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const path = (name: string) => `"${hex(`${ROOT}/${name}`)}"`
const open = (name: string, flags: string) =>
  `1 openat(AT_FDCWD<${hex('/')}>, ${path(name)}, ${flags}, 0666) = 7`
const create = (name: string) => open(name, 'O_WRONLY|O_CREAT')
const fd = (name: string) => `7<${hex(`${ROOT}/${name}`)}>`
const write = (name: string, text: string) =>
  `1 write(${fd(name)}, "${hex(text)}", ${text.length}) = ${text.length}`
const fsync = (name: string) => `1 fsync(${fd(name)}) = 0`
const SYNC_ROOT = `1 fsync(7<${hex(ROOT)}>) = 0`

/** What the files hold after a cut behind these lines; null for one that is not there. */
function after(lines: readonly string[], survives: Survives, ...names: string[]): (string | null)[] {
  const disk = new DiskModel(ROOT)
  const calls = readCalls(lines.join('\n'))
  const events = calls.flatMap((call) => [
    { line: call.begun, happen: () => disk.begin(call) },
    { line: call.ended, happen: () => disk.end(call) },
  ])
  for (const { line, happen } of events.sort((a, b) => a.line - b.line)) if (line < Infinity) happen()
  const built = mkdtempSync(join(folder, 'after-'))
  disk.writeAfterCut(built, survives)
  return names.map((name) => {
    const file = join(built, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : null
  })
}

describe('after a power cut', () => {
  test('a file holds what was written before its last sync', () => {
    const lines = [create('a'), write('a', 'one'), fsync('a'), SYNC_ROOT, write('a', ' two')]
    expect(after(lines, NOTHING_UNSYNCED, 'a')).toEqual(['one'])
    expect(after(lines, EVERYTHING, 'a')).toEqual(['one two'])
  })

  test('a sync of the volume keeps all that was before it, and nothing after', () => {
    const made = `1 mkdir(${path('deep')}, 0777) = 0`
    const syncVolume = `2 syncfs(3<${hex(ROOT)}>) = 0`
    const lines = [
      made,
      create('deep/a'),
      write('deep/a', 'one'),
      syncVolume,
      create('b'),
      write('deep/a', '!'),
    ]
    expect(after(lines, NOTHING_UNSYNCED, 'deep/a', 'b')).toEqual(['one', null])
  })

  test('a file whose folder was not synced is not there, however often it was itself', () => {
    const lines = [create('a'), write('a', 'one'), fsync('a')]
    expect(after(lines, NOTHING_UNSYNCED, 'a')).toEqual([null])
  })

  test('a new name of a file that was not synced may lead to an empty one', () => {
    const lines = [create('a'), write('a', 'one'), `1 rename(${path('a')}, ${path('b')}) = 0`, SYNC_ROOT]
    expect(after(lines, NOTHING_UNSYNCED, 'a', 'b')).toEqual([null, ''])
  })

  test('a rename, a removal and a new folder are undone unless their folder was synced', () => {
    const before = [create('a'), create('b'), `1 mkdir(${path('old')}, 0777) = 0`, SYNC_ROOT]
    const changes = [
      `1 rename(${path('a')}, ${path('c')}) = 0`,
      `1 unlink(${path('b')}) = 0`,
      `1 mkdir(${path('new')}, 0777) = 0`,
      `1 rename(${path('c')}, ${path('new/c')}) = 0`,
    ]
    const names = ['a', 'b', 'c', 'new/c'] as const
    expect(after([...before, ...changes], NOTHING_UNSYNCED, ...names)).toEqual(['', '', null, null])
    expect(after([...before, ...changes], EVERYTHING, ...names)).toEqual([null, null, null, ''])
    expect(after([...before, ...changes, SYNC_ROOT], NOTHING_UNSYNCED, ...names)).toEqual([
      null,
      null,
      null,
      null,
    ])
  })

  test('a sync counts from its end on, for what came before its beginning', () => {
    const lines = [
      create('a'),
      SYNC_ROOT,
      write('a', 'one'),
      `2 fsync(${fd('a')} <unfinished ...>`,
      write('a', ' two'),
      `2 <... fsync resumed>) = 0`,
    ]
    expect(after(lines, NOTHING_UNSYNCED, 'a')).toEqual(['one'])
    expect(after(lines.slice(0, -1), NOTHING_UNSYNCED, 'a')).toEqual([''])
  })

  test('a sync that began earlier and ends later takes nothing back', () => {
    const lines = [
      create('a'),
      `1 fsync(7<${hex(ROOT)}> <unfinished ...>`,
      create('b'),
      SYNC_ROOT.replace(/^1/, '2'),
      `1 <... fsync resumed>) = 0`,
    ]
    expect(after(lines, NOTHING_UNSYNCED, 'a', 'b')).toEqual(['', ''])
  })

  test('the later pages of a file may be there without the earlier ones', () => {
    const lines = [create('a'), SYNC_ROOT, write('a', `${'x'.repeat(4096)}tail`)]
    const choices = [false, true]
    expect(after(lines, () => choices.shift() ?? false, 'a')).toEqual([`${'\0'.repeat(4096)}tail`])
  })
})

test('what could change a file without the model is an error, and a call that failed is none', () => {
  const clone = `1 copy_file_range(7<${hex(`${ROOT}/a`)}>, NULL, 8<${hex(`${ROOT}/b`)}>, NULL, 1, 0) = 1`
  expect(() => after([clone], EVERYTHING)).toThrow('copy_file_range')
  expect(() => after(['1 io_uring_setup(8, {}) = 5'], EVERYTHING)).toThrow('io_uring')
  expect(() => after([open('a', 'O_RDWR'), write('a', 'one')], EVERYTHING)).toThrow('does not say where')
  expect(() =>
    after([clone.replace(/= 1$/, '= -1 EXDEV (Invalid cross-device link)')], EVERYTHING),
  ).not.toThrow()
})
