import { afterAll, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFile, replaceFile } from './whole-file.ts'

const root = mkdtempSync(join(tmpdir(), 'whole-file-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(root, 'f-'))
  path = join(folder, 'file')
})

test('a file takes the place of another, with the mode that it was given, and nothing else is left', async () => {
  writeFileSync(path, 'old')
  await replaceFile({ path, text: 'new', mode: 0o640 })
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o640)
  expect(readdirSync(folder)).toEqual(['file'])
})

test('of several that make one at once one does, and it is whole', async () => {
  const texts = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(1000))
  const made = await Promise.all(texts.map((text) => createFile({ path, text, mode: 0o600 })))
  expect(made.filter(Boolean)).toHaveLength(1)
  expect(readFileSync(path, 'utf8')).toBe(texts[made.indexOf(true)] ?? '')
  expect(readdirSync(folder)).toEqual(['file'])
})

test('a file that is there is not touched by who would make it', async () => {
  writeFileSync(path, '')
  expect(await createFile({ path, text: 'new', mode: 0o600 })).toBe(false)
  expect(readFileSync(path, 'utf8')).toBe('')
})

test('what cannot be put in place leaves neither a file nor an open descriptor behind', async () => {
  mkdirSync(path)
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (let time = 0; time < 20; time++) {
    await expect(replaceFile({ path, text: 'new', mode: 0o600 })).rejects.toThrow('EISDIR')
  }
  expect(readdirSync(folder)).toEqual(['file'])
  expect(descriptors() - before).toBeLessThan(5)
})
