import { expect, test } from 'bun:test'
import { noise } from './images.ts'
import { readTar, writeTar } from './tar.ts'

test('files come out of an archive as they went in', () => {
  const files = new Map([
    ['empty', new Uint8Array()],
    ['dir/block', noise('block', 512)],
    ['dir/odd', noise('odd', 1025)],
  ])
  const read = readTar(writeTar(files))
  expect([...read.keys()]).toEqual([...files.keys()])
  for (const [name, bytes] of files) expect(Buffer.from(read.get(name) ?? [])).toEqual(Buffer.from(bytes))
})
