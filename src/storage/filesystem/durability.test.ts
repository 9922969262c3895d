/**
 * What the drivers ask of the kernel, in which order, and what happens when the kernel says no or the process
 * dies at that very call. Faults come from strace, from outside; without it (or without the right to trace)
 * these tests are listed as skipped.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { digestOf } from '../../oci/digest.ts'
import { newUploadId, type UploadId } from '../../oci/upload-id.ts'
import { bytesOf, patternedBytes, readAll, uploaded } from '../blob-store.fixtures.ts'
import type { BlobStore } from '../blob-store.ts'
import { blobDataPath, registryFolder, uploadPath } from '../layout.ts'
import { openFilesystemBlobStore } from './blob-store.ts'
import { openFilesystemTreeStore } from './tree-store.ts'

const CALLS = 'fsync,fdatasync,syncfs,rename,renameat,renameat2,mkdir,mkdirat,ftruncate,write'
const BYTES = patternedBytes(100_000)
const DIGEST = digestOf(BYTES)
const DATA = blobDataPath(DIGEST)

const strace = Bun.which('strace')
const canTrace = strace !== null && Bun.spawnSync([strace, '-o', '/dev/null', 'true']).exitCode === 0

/** Says in the list of calls that what comes now is what the test is about. */
const marked = "writeSync(1, 'committed');"

function afterMark(calls: string[]): string[] {
  return calls.slice(calls.indexOf('write committed') + 1)
}

interface Traced {
  readonly calls: string[]
  readonly output: string
}

describe.skipIf(!canTrace)('a commit (needs strace and the right to trace)', () => {
  let root: string
  let store: BlobStore
  let upload: UploadId
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-durable-'))
    store = await openFilesystemBlobStore({ root })
    await openFilesystemTreeStore({ root })
    upload = await uploaded(store, BYTES)
  })
  afterEach(() => rm(root, { recursive: true }))

  const commit = () =>
    `await store.commit('${upload}', '${DIGEST}', ${BYTES.length}); writeSync(1, 'committed')`

  test('syncs the file, renames it, syncs every folder from the leaf up, and only then resolves', async () => {
    const { calls } = await traced(root, commit())
    const folders = foldersFrom(dirname(DATA))
    expect(calls.filter((call) => !call.startsWith('mkdir'))).toEqual([
      `fsync ${uploadPath(upload)}`,
      `rename ${uploadPath(upload)} ${DATA}`,
      ...folders.map((folder) => `fsync ${folder}`),
      'write committed',
    ])
    expect(folders).toEqual(expect.arrayContaining([dirname(DATA), `${registryFolder}/blobs`, '']))
  })

  test('cuts a longer upload before it is synced', async () => {
    const part = digestOf(BYTES.subarray(0, 1000))
    const script = `await store.commit('${upload}', '${part}', 1000); writeSync(1, 'committed')`
    const { calls } = await traced(root, script)
    expect(calls.filter((call) => call.includes(uploadPath(upload)))).toEqual([
      `ftruncate ${uploadPath(upload)}`,
      `fsync ${uploadPath(upload)}`,
      `rename ${uploadPath(upload)} ${blobDataPath(part)}`,
    ])
  })

  test('repeated after it died behind the rename, makes the folders durable that may not be', async () => {
    await traced(root, commit(), 'fsync:signal=KILL:when=2')
    const { calls } = await traced(root, commit())
    expect(calls.filter((call) => !call.startsWith('mkdir'))).toEqual([
      `fsync ${DATA}`,
      ...foldersFrom(dirname(DATA)).map((folder) => `fsync ${folder}`),
      'write committed',
    ])
  })

  test('syncs again only what gained an entry since', async () => {
    const second = await uploaded(store, BYTES)
    const twin = DIGEST.slice(0, -1) + (DIGEST.endsWith('0') ? '1' : '0')
    const script = `${commit()}; await store.commit('${second}', '${twin}', ${BYTES.length})`
    const { calls } = await traced(root, script)
    const leaf = dirname(DATA).replace(DIGEST.slice(7), twin.slice(7))
    const later = afterMark(calls)
    expect(later.filter((call) => call.startsWith('fsync'))).toEqual([
      `fsync ${uploadPath(second)}`,
      `fsync ${leaf}`,
      `fsync ${dirname(leaf)}`,
    ])
  })

  test('does not trust a folder that another process made and may not have synced', async () => {
    await traced(root, commit(), 'fsync:signal=KILL:when=2')
    const again = await uploaded(store, BYTES)
    const script = `await store.commit('${again}', '${DIGEST}', ${BYTES.length})`
    const { calls } = await traced(root, script)
    for (const folder of foldersFrom(dirname(DATA))) expect(calls).toContain(`fsync ${folder}`)
  })

  test('syncs folders again that were removed and made anew', async () => {
    const again = await uploaded(store, BYTES)
    const script = `${commit()}; rmSync(${JSON.stringify(join(root, 'docker'))}, { recursive: true })
      await store.commit('${again}', '${DIGEST}', ${BYTES.length})`
    const { calls } = await traced(root, script)
    const later = afterMark(calls)
    for (const folder of foldersFrom(dirname(DATA))) expect(later).toContain(`fsync ${folder}`)
  })

  test('killed before the rename, leaves the upload', async () => {
    await traced(root, commit(), 'rename:signal=KILL:when=1')
    const next = await openFilesystemBlobStore({ root })
    expect(await next.stat(DIGEST)).toBeNull()
    expect(await readAll(next, upload, BYTES.length)).toEqual(BYTES)
  })

  test('killed after the rename, leaves the whole blob', async () => {
    await traced(root, commit(), 'fsync:signal=KILL:when=2')
    const next = await openFilesystemBlobStore({ root })
    expect(await bytesOf(next.content(DIGEST, { offset: 0, length: BYTES.length }))).toEqual(BYTES)
    expect(await Array.fromAsync(next.listUploads())).toEqual([])
  })

  test('an upload that could not be synced is never committed', async () => {
    const twice = `const first = await outcome(() => store.commit('${upload}', '${DIGEST}', ${BYTES.length}))
      const second = await outcome(() => store.commit('${upload}', '${DIGEST}', ${BYTES.length}))
      writeSync(1, first + '|' + second)`
    const { output } = await traced(root, twice, 'fsync:error=EIO:when=1')
    expect(output).toMatch(/^StorageUnavailable: .*dmesg.*\|UploadTruncated/)
    expect(await store.stat(DIGEST)).toBeNull()
  })

  test('a folder that could not be synced is an error', async () => {
    const script = `writeSync(1, await outcome(() => store.commit('${upload}', '${DIGEST}', ${BYTES.length})))`
    const { output } = await traced(root, script, 'fsync:error=EIO:when=3')
    expect(output).toStartWith('StorageUnavailable')
  })

  test('a filesystem that cannot sync folders is believed to need none', async () => {
    const { output } = await traced(root, commit(), 'fsync:error=EINVAL:when=2+')
    expect(output).toBe('committed')
  })

  test('a disk error in the background of a long upload is told to its writer, and the upload is gone', async () => {
    const long = newUploadId()
    const script = `const writer = await store.append('${long}', 0)
      writeSync(1, await outcome(async () => {
        for (let count = 0; count < 65; count += 1) await writer.write(new Uint8Array(1024 * 1024))
        await writer.close()
      }))`
    const { output } = await traced(root, script, 'fdatasync:error=EIO')
    expect(output).toMatch(/^StorageUnavailable: .*dmesg/)
    expect(await Array.fromAsync(store.listUploads())).toEqual([upload])
  })
})

describe.skipIf(!canTrace)('condemning a blob (needs strace and the right to trace)', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-durable-'))
    const store = await openFilesystemBlobStore({ root })
    await openFilesystemTreeStore({ root })
    await store.commit(await uploaded(store, BYTES), DIGEST, BYTES.length)
  })
  afterEach(() => rm(root, { recursive: true }))

  test('renames its file, syncs the folder that it is in now and those above, and only then resolves', async () => {
    const { calls } = await traced(root, `await store.condemn('${DIGEST}', 3); writeSync(1, 'committed')`)
    const began = calls.findIndex((call) => call.startsWith('rename') && call.includes(DATA))
    const moves = calls.slice(began).filter((call) => !call.startsWith('mkdir'))
    const [, folder = ''] =
      /^rename \S+ (\S+)\/sha256-[0-9a-f]+\.3\.[0-9a-f]{8}$/.exec(moves.at(-6) ?? '') ?? []
    expect(folder).toMatch(/^berth\/condemned\/\d+$/)
    expect(moves.slice(-5)).toEqual([
      ...foldersFrom(folder).map((each) => `fsync ${each}`),
      'write committed',
    ])
  })

  test('a folder that could not be synced is an error', async () => {
    const script = `writeSync(1, await outcome(() => store.condemn('${DIGEST}', 3)))`
    const { output } = await traced(root, script, 'fsync:error=EIO')
    expect(output).toStartWith('StorageUnavailable')
  })
})

describe.skipIf(!canTrace)('a link tree and its root (need strace and the right to trace)', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-durable-'))
    await openFilesystemBlobStore({ root })
    await openFilesystemTreeStore({ root })
  })
  afterEach(() => rm(root, { recursive: true }))

  test('a write renames a file into place, and syncs nothing', async () => {
    const { calls } = await traced(root, `${marked} await tree.write('a/b/link', new Uint8Array(71))`)
    const written = afterMark(calls).filter((call) => !/^(mkdir|ftruncate)/.test(call))
    expect(written.every((call) => /^rename berth\/temporary\/[-0-9a-f]+ a\/b\/link$/.test(call))).toBe(true)
    expect(written.length).toBeGreaterThan(0)
  })

  test('a sync syncs every file that is there, then every folder once', async () => {
    const script = `for (const path of ['a/b/link', 'a/c/link', 'a/c/gone']) await tree.write(path, new Uint8Array(71))
      await tree.remove('a/c/gone'); ${marked}
      await tree.sync(['a/b/link', 'a/c/link', 'a/c/gone', 'a/d/never', 'a/b/link'])`
    const synced = afterMark((await traced(root, script)).calls)
    expect(synced.slice(0, 2).sort()).toEqual(['fsync a/b/link', 'fsync a/c/link'])
    expect(synced.slice(2).sort()).toEqual(['fsync ', 'fsync a', 'fsync a/b', 'fsync a/c'])
  })

  test('a sync that fails says so', async () => {
    const script = `await tree.write('a/link', new Uint8Array(71))
      writeSync(1, await outcome(() => tree.sync(['a/link'])))`
    const { output } = await traced(root, script, 'fsync:error=EIO')
    expect(output).toMatch(/^StorageUnavailable: .*dmesg/)
  })

  const MANY = Array.from({ length: 40 }, (_, index) => `a/${index}/link`)
  const syncMany = `const many = ${JSON.stringify(MANY)}
      for (const path of many) await tree.write(path, new Uint8Array(71))
      ${marked} await tree.sync(many)`

  test('a sync of many files syncs the volume once', async () => {
    expect(afterMark((await traced(root, syncMany)).calls)).toEqual(['syncfs '])
  })

  test.each([
    ['the system cannot sync the volume at once', 'syncfs:error=EIO', process.env['PATH']],
    ['no program can', undefined, '/nowhere'],
  ])('where %s, every file is synced, and every folder', async (_, fault, path) => {
    const synced = afterMark((await traced(root, syncMany, fault, { PATH: path })).calls)
    for (const file of MANY) expect(synced).toContain(`fsync ${file}`)
    expect(synced).toEqual(expect.arrayContaining(['fsync ', 'fsync a', 'fsync a/0']))
  })

  test('a root that had to be made is synced, with the folder that it was made in', async () => {
    const script = `await openFilesystemBlobStore({ root: ${JSON.stringify(join(root, 'deep', 'root'))} })`
    const { calls } = await traced(root, script)
    const folders = ['', 'deep', 'deep/root', 'deep/root/berth']
    for (const folder of folders) expect(calls).toContain(`fsync ${folder}`)
  })
})

/** Runs a script with a `store` and a `tree` under strace, with a fault if one is given, and returns what it asked of the kernel. */
async function traced(
  root: string,
  script: string,
  fault?: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Traced> {
  const program = join(root, 'program.ts')
  const log = join(root, 'strace.log')
  await writeFile(program, programOf(root, script))
  const inject = fault === undefined ? [] : ['-e', `inject=${fault}`]
  const child = Bun.spawn(
    [strace ?? '', '-f', '-y', '-o', log, '-e', `trace=${CALLS}`, ...inject, process.execPath, program],
    { stdout: 'pipe', stderr: 'inherit', env: { ...process.env, ...env } },
  )
  const output = await child.stdout.text()
  await child.exited
  return { output, calls: callsIn(await readFile(log, 'utf8'), root) }
}

function programOf(root: string, script: string): string {
  return `import { rmSync, writeSync } from 'node:fs'
    import { openFilesystemBlobStore } from ${JSON.stringify(join(import.meta.dir, 'blob-store.ts'))}
    import { openFilesystemTreeStore } from ${JSON.stringify(join(import.meta.dir, 'tree-store.ts'))}
    const outcome = (work) => work().then(() => 'done', (error) => error.name + ': ' + error.message)
    const store = await openFilesystemBlobStore({ root: ${JSON.stringify(root)} })
    const tree = await openFilesystemTreeStore({ root: ${JSON.stringify(root)} })
    ${script}`
}

/** The calls that touched the root, in the order in which they ended, as `name path` with paths relative to it; and what was printed. */
function callsIn(log: string, root: string): string[] {
  const begun = new Map<string, string>()
  const calls: string[] = []
  for (const line of log.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (rest.endsWith('<unfinished ...>')) begun.set(thread, rest)
    else calls.push(...callIn(rest.startsWith('<...') ? (begun.get(thread) ?? '') : rest, root))
  }
  return calls
}

function callIn(line: string, root: string): string[] {
  const [, name = '', values = ''] = /^(\w+)\((.*)/.exec(line) ?? []
  if (name === 'write') return values.includes('"committed"') ? ['write committed'] : []
  const paths = [...values.matchAll(/[<"]([^<>"]*)[>"]/g)].map(([, path = '']) => path)
  const inside = paths.filter((path) => path === root || path.startsWith(`${root}/`))
  if (inside.length === 0) return []
  return [[name.replace(/at2?$/, ''), ...inside.map((path) => path.slice(root.length + 1))].join(' ')]
}

/** A folder and those above it, up to the root, which is the empty path. */
function foldersFrom(folder: string): string[] {
  return folder === '.' ? [''] : [folder, ...foldersFrom(dirname(folder))]
}
