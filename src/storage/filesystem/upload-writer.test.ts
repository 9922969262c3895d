import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync, openSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeUnless } from '../../../test/tools/describe-with.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import { caught, chunksOf, patternedBytes } from '../blob-store.fixtures.ts'
import { onThePool } from './short-calls.ts'
import { FileUploadWriter, withoutFirst } from './upload-writer.ts'
import { WriteBacklog } from './write-backlog.ts'

describe('after a write that took only a part', () => {
  const bytes = patternedBytes(10)

  test.each([0, 1, 3, 4, 5, 9, 10])('what follows the first %d bytes is left', (count) => {
    const rest = withoutFirst(chunksOf(bytes, 3, 1), count)
    expect(new Uint8Array(Buffer.concat(rest))).toEqual(bytes.slice(count))
  })
})

describe('a writer', () => {
  let folder: string
  let backlog: WriteBacklog
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-writer-'))
    backlog = new WriteBacklog({ kind: 'local' })
  })
  afterEach(() => rm(folder, { recursive: true }))

  function writerOf(path: string): FileUploadWriter {
    const file = { upload: newUploadId(), path, descriptor: openSync(path, 'a'), size: 0, calls: onThePool }
    return new FileUploadWriter(file, backlog)
  }

  /** As if other uploads had left so much to be written. */
  function makeTheBacklogLong(): void {
    backlog.add(1024 * 1024 * 1024)
  }

  test('frees what it has written', async () => {
    const writer = writerOf(join(folder, 'upload'))
    const chunk = new Uint8Array(1000)
    await writer.write(chunk)
    await writer.close()
    expect(chunk.byteLength).toBe(0)
  })

  test('writes at once, in order, where the uploads of this process together are behind', async () => {
    const path = join(folder, 'upload')
    const bytes = patternedBytes(3000)
    const [first = bytes, second = bytes, third = bytes] = chunksOf(bytes, 1000)
    const writer = writerOf(path)
    await writer.write(first.slice())
    makeTheBacklogLong()
    void writer.write(second.slice())
    expect(statSync(path).size).toBe(2000)
    await writer.write(third.slice())
    await writer.close()
    expect(new Uint8Array(await readFile(path))).toEqual(bytes)
  })

  describeUnless('on a full device', existsSync('/dev/full') ? [] : ['needs /dev/full'], () => {
    test('tells on closing what it found when it wrote at once', async () => {
      const writer = writerOf('/dev/full')
      makeTheBacklogLong()
      await writer.write(patternedBytes(1000))
      expect((await caught(writer.close())).name).toBe('StorageFull')
    })
  })
})
