import { afterEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountObstacles, SmallDisk } from '../../../test/small-disk.ts'
import { describeUnless } from '../../../test/tools/describe-with.ts'
import { StorageFull } from '../blob-store.ts'
import { Reserve } from './reserve.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-reserve-'))
const path = join(folder, 'reserve')
afterEach(() => rmSync(path, { force: true }))

test('a reserve takes up its room until it is given up', async () => {
  const reserve = new Reserve(path)
  expect(await reserve.isKept()).toBe(false)
  await reserve.keep()
  expect(await reserve.isKept()).toBe(true)
  const { blocks, size } = statSync(path)
  expect([size, blocks * 512 >= size]).toEqual([reserve.bytes, true])
  await reserve.giveUp()
  expect([existsSync(path), await reserve.isKept()]).toEqual([false, false])
  await reserve.giveUp()
})

test('one that a crash has cut short is made whole', async () => {
  const reserve = new Reserve(path)
  await reserve.keep()
  truncateSync(path, 1000)
  expect(await reserve.isKept()).toBe(false)
  await reserve.keep()
  expect(await reserve.isKept()).toBe(true)
})

describeUnless('where it does not fit', mountObstacles(), () => {
  test('nothing is left of it', async () => {
    using disk = new SmallDisk(4)
    const reserve = new Reserve(join(disk.path, 'reserve'))
    expect(await reserve.keep().catch((error) => error)).toBeInstanceOf(StorageFull)
    expect(existsSync(join(disk.path, 'reserve'))).toBe(false)
  })
})
