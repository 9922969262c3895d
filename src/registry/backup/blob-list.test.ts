import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf } from '../../../test/registry-bench.ts'
import { newBlob } from '../../../test/sample-content.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { openBackupFolder } from '../../storage/filesystem/backup-folder.ts'
import { checkBlobList, type ListedBlob, readBlobList, writeBlobList } from './blob-list.ts'
import { BackupDamaged } from './metadata-format.ts'

let place: string
let folder: BackupFolder
beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'blob-list-test-'))
  folder = await openBackupFolder(place)
})
afterEach(() => rmSync(place, { recursive: true }))

function sorted(count: number): ListedBlob[] {
  const blobs = Array.from({ length: count }, () => ({ digest: newBlob().digest, size: 3 }))
  return blobs.sort((one, other) => (one.digest < other.digest ? -1 : 1))
}

async function* each(blobs: readonly ListedBlob[]): AsyncGenerator<ListedBlob> {
  yield* blobs
}

describe('a list of blobs', () => {
  test('reads as it was written', async () => {
    const blobs = sorted(50)
    const facts = await writeBlobList(folder, 'list', each(blobs))
    expect(facts).toMatchObject({ blobs: 50, bytes: 150 })
    expect(await Array.fromAsync(readBlobList(folder, 'list', facts))).toEqual(blobs)
  })

  test('that is not in order of the digests is damaged: whoever looks for one would take it for absent', async () => {
    const blobs = sorted(3)
    for (const wrong of [blobs.toReversed(), blobs.flatMap((blob) => [blob, blob])]) {
      const facts = await writeBlobList(folder, 'list', each(wrong))
      expect(await failureOf(checkBlobList(folder, 'list', facts))).toBeInstanceOf(BackupDamaged)
    }
  })
})
