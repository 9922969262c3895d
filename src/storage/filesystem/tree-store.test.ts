import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { caught } from '../blob-store.fixtures.ts'
import { StorageUnavailable } from '../blob-store.ts'
import { goneFolder, repositoryFolder, tagFolder, tagLinkPath, temporaryFolder } from '../layout.ts'
import { testTreeStore } from '../tree-store.contract.ts'
import type { TreeStore } from '../tree-store.ts'
import { openFilesystemTreeStore } from './tree-store.ts'
import type { VolumeKind } from './volume.ts'

const VOLUMES: readonly VolumeKind[] = [{ kind: 'local' }, { kind: 'network', name: 'NFS' }]
const NAME = parseRepositoryName('team/app')
const TAG = parseTag('1.2')
const LINK = tagLinkPath(NAME, TAG)
const BYTES = new TextEncoder().encode(digestOf(new Uint8Array()))

for (const volume of VOLUMES) {
  testTreeStore(`filesystem (${volume.kind})`, async () => {
    const root = await mkdtemp(join(tmpdir(), 'berth-tree-'))
    return {
      store: await openFilesystemTreeStore({ root, volume }),
      reopen: () => openFilesystemTreeStore({ root, volume }),
      remove: () => rm(root, { recursive: true }),
    }
  })
}

describe('filesystem tree store on disk', () => {
  let root: string
  let store: TreeStore
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-tree-'))
    store = await openFilesystemTreeStore({ root })
  })
  afterEach(() => rm(root, { recursive: true }))

  test('leaves nothing beside what it wrote and removed', async () => {
    await store.write(LINK, BYTES)
    await store.write(LINK, BYTES)
    await store.removeFolder(tagFolder(NAME, TAG))
    expect(readdirSync(join(root, temporaryFolder))).toEqual([])
    expect(readdirSync(join(root, goneFolder))).toEqual([])
  })

  test('a reader that has the old file open keeps it whole', async () => {
    await store.write(LINK, BYTES)
    const reader = openSync(join(root, LINK), 'r')
    await store.write(LINK, new Uint8Array([1]))
    expect(new Uint8Array(readFileSync(reader))).toEqual(BYTES)
    closeSync(reader)
    expect(readFileSync(join(root, LINK))).toHaveLength(1)
  })

  test('clears what a crash left on its way out', async () => {
    mkdirSync(join(root, goneFolder, 'left', 'behind'), { recursive: true })
    await openFilesystemTreeStore({ root })
    expect(readdirSync(join(root, goneFolder))).toEqual([])
  })

  test('clears an old temporary file, but not one that another process may be writing', async () => {
    for (const name of ['old', 'fresh']) writeFileSync(join(root, temporaryFolder, name), 'x')
    const twoHoursAgo = Date.now() / 1000 - 2 * 60 * 60
    utimesSync(join(root, temporaryFolder, 'old'), twoHoursAgo, twoHoursAgo)
    await openFilesystemTreeStore({ root })
    expect(readdirSync(join(root, temporaryFolder))).toEqual(['fresh'])
  })

  test('removes a folder even when the folder that it leaves through is missing', async () => {
    await store.write(LINK, BYTES)
    await rm(join(root, goneFolder), { recursive: true })
    await store.removeFolder(tagFolder(NAME, TAG))
    expect(await store.read(LINK)).toBeNull()
  })

  test('follows a repository that was moved and linked', async () => {
    const moved = join(root, 'moved')
    mkdirSync(moved)
    mkdirSync(dirname(join(root, repositoryFolder(NAME))), { recursive: true })
    symlinkSync(moved, join(root, repositoryFolder(NAME)))
    await store.write(LINK, BYTES)
    expect(readdirSync(moved)).toEqual(['_manifests'])
    expect(await store.read(LINK)).toHaveLength(BYTES.length)
  })

  test('tells what a symbolic link leads to, and nothing of one that leads nowhere or to itself', async () => {
    mkdirSync(dirname(join(root, LINK)), { recursive: true })
    for (const [name, to] of [
      ['folder', root],
      ['nowhere', 'nothing'],
      ['itself', 'itself'],
    ] as const) {
      symlinkSync(to, join(root, dirname(LINK), name))
    }
    const kindOf = (name: string) => store.kindOf(`${dirname(LINK)}/${name}`)
    expect([await kindOf('folder'), await kindOf('nowhere'), await kindOf('itself')]).toEqual([
      'folder',
      null,
      null,
    ])
  })

  test('removing a linked folder removes the link, not what it points at', async () => {
    const kept = join(root, 'kept')
    mkdirSync(kept)
    writeFileSync(join(kept, 'file'), 'x')
    mkdirSync(dirname(join(root, tagFolder(NAME, TAG))), { recursive: true })
    symlinkSync(kept, join(root, tagFolder(NAME, TAG)))
    await store.removeFolder(tagFolder(NAME, TAG))
    expect(readdirSync(kept)).toEqual(['file'])
  })

  test('a folder in the place of a link is no answer', async () => {
    mkdirSync(join(root, LINK), { recursive: true })
    await expect(store.read(LINK)).rejects.toBeInstanceOf(StorageUnavailable)
    await expect(store.stat(LINK)).rejects.toBeInstanceOf(StorageUnavailable)
    expect(await caught(store.write(LINK, BYTES))).toMatchObject({
      message: expect.stringContaining('move it away'),
    })
    expect(readdirSync(join(root, temporaryFolder))).toEqual([])
  })

  test.each(['../outside', '/etc/passwd', 'a/../../outside', ''])('%p is no path of the tree', (path) => {
    expect(() => store.write(path, BYTES)).toThrow('is not a path of the tree')
  })
})
