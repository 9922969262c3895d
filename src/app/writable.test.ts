import { expect, test } from 'bun:test'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describeUnless } from '../../test/tools/describe-with.ts'
import { NotWritable, requireOneFileSystem, requireWritableFolders } from './writable.ts'

function newFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-writable-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('a folder that can be written is left as it was, and one that is not there yet is no obstacle', async () => {
  using folder = newFolder()
  await requireWritableFolders(folder.path)
  await requireWritableFolders(join(folder.path, 'later'))
  expect(readdirSync(folder.path)).toEqual([])
})

test('a file in the place of a folder is an obstacle', async () => {
  using folder = newFolder()
  writeFileSync(join(folder.path, 'berth'), '')
  const refused = requireWritableFolders(folder.path)
  await expect(refused).rejects.toThrow(NotWritable)
  await expect(refused).rejects.toThrow(
    `${join(folder.path, 'berth')} is a file, and Berth needs a folder there`,
  )
})

const isRoot = process.getuid?.() === 0
describeUnless('somebody else’s folder', isRoot ? [] : ['running as another user needs root'], () => {
  test('is named to whoever may not write there, with its owner and what to do', async () => {
    using folder = newFolder()
    mkdirSync(join(folder.path, 'docker/registry/v2/blobs'), { recursive: true })
    chmodSync(folder.path, 0o755)
    for (const each of ['', 'docker', 'docker/registry', 'docker/registry/v2'])
      chownSync(join(folder.path, each), 1000, 1000)
    const script = `import('${join(import.meta.dir, 'writable.ts')}').then((module) => module.requireWritableFolders('${folder.path}')).catch((error) => console.log(error.message))`
    const asPerson = Bun.spawnSync([process.execPath, '-e', script], {
      uid: 1000,
      gid: 1000,
      cwd: '/',
    } as object)
    expect(asPerson.stdout.toString()).toStartWith(
      `The folder ${folder.path}/docker/registry/v2/blobs belongs to user 0, and user 1000, as whom Berth runs, cannot write there (EACCES)`,
    )
  })
})

const folderDevice = statSync(tmpdir()).dev
const other = existsSync('/dev/shm') && statSync('/dev/shm').dev !== folderDevice ? '/dev/shm' : null
describeUnless('images on another file system', other === null ? ['there is but one'] : [], () => {
  test.each(['docker', 'docker/registry/v2/blobs'])(
    'than Berth’s own folder are refused: %s',
    async (part) => {
      using folder = newFolder()
      const elsewhere = mkdtempSync(join(other ?? '', 'berth-elsewhere-'))
      mkdirSync(join(folder.path, 'berth'))
      await requireOneFileSystem(folder.path)
      mkdirSync(dirname(join(folder.path, part)), { recursive: true })
      await requireOneFileSystem(folder.path)
      symlinkSync(elsewhere, join(folder.path, part))
      expect(requireOneFileSystem(folder.path)).rejects.toThrow(
        `The folder ${folder.path}/${part} lies on another file system than ${folder.path}/berth`,
      )
      rmSync(elsewhere, { recursive: true })
    },
  )
})
