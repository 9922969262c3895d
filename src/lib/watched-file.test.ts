import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileUnreadable, WatchedFile } from './watched-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'watched-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let now = 0
let reads = 0
let path = ''
let file: WatchedFile<string>

beforeEach(() => {
  now = 1_000_000
  reads = 0
  path = join(folder, crypto.randomUUID())
  writeFileSync(path, 'one')
  file = new WatchedFile({
    path,
    parse: (bytes) => {
      reads++
      const text = new TextDecoder().decode(bytes)
      if (text === 'broken') throw new Error('it is broken')
      return text
    },
    now: () => now,
  })
})

describe('what is in the file is told', () => {
  test('and parsed once as long as nothing changes', () => {
    for (let look = 0; look < 100; look++, now += 100) expect(file.current()).toBe('one')
    expect(reads).toBe(1)
  })

  test('after it was rewritten in place, as in a bind mount of a single file', () => {
    expect(file.current()).toBe('one')
    writeFileSync(path, 'three')
    expect(file.current()).toBe('three')
  })

  test('after another file took its place', () => {
    expect(file.current()).toBe('one')
    writeFileSync(`${path}.new`, 'two')
    renameSync(`${path}.new`, path)
    expect(file.current()).toBe('two')
  })

  test('after it was rewritten in place with as many bytes, again and again within one tick of the clock', () => {
    for (let round = 100; round < 300; round++) {
      writeFileSync(path, String(round))
      expect(file.current()).toBe(String(round))
      now += 30
    }
  })

  test('when it is distrusted, whatever its time says', () => {
    expect(file.current()).toBe('one')
    now += 10_000
    expect(file.current()).toBe('one')
    file.distrust()
    writeFileSync(path, 'two')
    expect(file.current()).toBe('two')
  })
})

describe('a file that cannot be read', () => {
  test('that has vanished is nobody’s old content, and is back as soon as it is there', () => {
    expect(file.current()).toBe('one')
    unlinkSync(path)
    expect(() => file.current()).toThrow(FileUnreadable)
    expect(() => file.current()).toThrow(path)
    writeFileSync(path, 'one')
    expect(file.current()).toBe('one')
  })

  test('that is a folder says how Docker comes to make one', () => {
    const made = new WatchedFile({ path: join(folder, 'made'), parse: String })
    mkdirSync(made.path)
    expect(() => made.current()).toThrow('it is a folder. Docker makes one where a mounted file is missing')
  })

  test('that does not parse throws what is wrong, each time, until it does', () => {
    expect(file.current()).toBe('one')
    writeFileSync(path, 'broken')
    expect(() => file.current()).toThrow('it is broken')
    expect(() => file.current()).toThrow('it is broken')
    writeFileSync(path, 'mended')
    expect(file.current()).toBe('mended')
  })
})

describe('it may be half written', () => {
  test('for a moment after it has changed, and not before', () => {
    expect(file.current()).toBe('one')
    expect(file.isSettling).toBe(false)
    writeFileSync(path, '')
    expect(file.current()).toBe('')
    expect(file.isSettling).toBe(true)
    now += 300
    expect(file.isSettling).toBe(false)
  })

  test('and so when it has vanished', () => {
    file.current()
    unlinkSync(path)
    expect(() => file.current()).toThrow()
    expect(file.isSettling).toBe(true)
  })
})
