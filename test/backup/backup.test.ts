/** `berth backup` and `berth restore`: the whole registry, from a server that runs, into either database. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acquireVolumeLock } from '../../src/metadata/sqlite/lock.ts'
import type { BackedUp } from '../../src/registry/backup/back-up.ts'
import { deleteManifest, pushImage } from '../clients/push.ts'
import { readRegistry } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { filesUnder } from '../volume/files.ts'
import {
  berth,
  contentsOf,
  fill,
  lastingFacts,
  newFolder,
  onPostgres,
  onSqlite,
  type Place,
  serve,
} from './places.ts'

setDefaultTimeout(120_000)

const folders: string[] = []
function folder(): string {
  const made = newFolder()
  folders.push(made)
  return made
}
afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true })
})

/** Runs it, and gives what it says of itself. */
async function backUp(place: Place, directory: string, ...args: string[]): Promise<BackedUp> {
  const { code, printed } = await berth(place, 'backup', directory, '--format', 'json', ...args)
  if (code !== 0) throw new Error(printed)
  return JSON.parse(printed) as BackedUp
}

async function restore(place: Place, directory: string, ...args: string[]): Promise<void> {
  const { code, printed } = await berth(place, 'restore', directory, ...args)
  if (code !== 0) throw new Error(printed)
}

/** Paths of the blobs in a backup. */
function blobsIn(directory: string): string[] {
  const names = readdirSync(join(directory, 'blobs'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => join(directory, 'blobs', name))
}

function suite(open: { from: () => Promise<Place>; to: () => Promise<Place> }): void {
  let source: Place
  const directory = folder()
  beforeAll(async () => {
    source = await open.from()
    await fill(source)
    await using _server = await serve(source)
    await backUp(source, directory)
  })

  test('what was backed up from a running server is restored with every fact, blob and file', async () => {
    const [facts, contents] = [await lastingFacts(source), await contentsOf(source)]
    expect(facts['trash']).toHaveLength(4)
    expect(facts['accounts']).toHaveLength(3)
    const target = await open.to()
    await restore(target, directory)
    expect(filesUnder(join(target.data, 'docker'))).toEqual(filesUnder(join(source.data, 'docker')))
    expect(await lastingFacts(target)).toEqual(facts)
    expect(await contentsOf(target)).toEqual(contents)
    const verified = await berth(target, 'verify', '--deep')
    expect(verified).toMatchObject({ code: 0 })
    expect(await lastingFacts(target)).toEqual(facts)
  })
}

describe('SQLite to SQLite', () => {
  const place = async () => onSqlite(folder())
  suite({ from: place, to: place })

  describeWith('and registry:2', ['docker-registry'], () => {
    test('registry:2 serves what was restored, at once', async () => {
      const [source, target, directory] = [onSqlite(folder()), onSqlite(folder()), folder()]
      await fill(source)
      await backUp(source, directory)
      await restore(target, directory)
      await using other = await startDockerRegistry({ data: target.data })
      const { tags, manifests } = await contentsOf(source).then((contents) => contents['app'] ?? never())
      expect((await readRegistry(other.url))['app']).toMatchObject({ tags, manifests })
    })
  })
})

describeWith('with PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  const postgres = async () => onPostgres(folder(), server, await server.createDatabase())
  const sqlite = async () => onSqlite(folder())
  describe('SQLite to PostgreSQL', () => suite({ from: sqlite, to: postgres }))
  describe('PostgreSQL to SQLite', () => suite({ from: postgres, to: sqlite }))
})

describe('runs one after another', () => {
  const [source, directory] = [onSqlite(folder()), folder()]
  let first: BackedUp
  beforeAll(async () => {
    await fill(source)
    first = await backUp(source, directory)
  })

  test('copy only what is new, and each point in time can be restored', async () => {
    const before = await contentsOf(source)
    {
      await using server = await serve(source)
      await pushImage(server.url, 'app', 'new', smallImage('new'))
      await deleteManifest(server.url, 'team/multi', '1')
    }
    const after = await contentsOf(source)
    const second = await backUp(source, directory)
    expect(second.copied.blobs).toBe(smallImage('new').blobs.length)
    expect(second.point.blobs).toBe(first.point.blobs + second.copied.blobs)
    const [old, now] = [onSqlite(folder()), onSqlite(folder())]
    await restore(old, directory, '--at', first.point.name)
    await restore(now, directory)
    expect(await contentsOf(old)).toEqual(before)
    expect(await contentsOf(now)).toEqual(after)
  })

  test('remove old points, and blobs that no other needs', async () => {
    const blobs = blobsIn(directory).length
    // As collection would have left it.
    const extra = join(directory, 'blobs/sha256/00', '0'.repeat(64))
    mkdirSync(join(directory, 'blobs/sha256/00'), { recursive: true })
    writeFileSync(extra, 'of a point that is gone')
    const { pruned, point } = await backUp(source, directory, '--keep', '1')
    expect(pruned.points).toHaveLength(2)
    expect(existsSync(extra)).toBe(false)
    expect(blobsIn(directory).length).toBeLessThanOrEqual(blobs)
    expect(readdirSync(join(directory, 'points'))).toEqual([point.name])
    const target = onSqlite(folder())
    await restore(target, directory)
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })

  test('tell what the registry itself has no more, and never put damaged bytes over a good copy', async () => {
    const [place, own] = [onSqlite(folder()), folder()]
    await fill(place)
    await backUp(place, own)
    const [kept = '', gone = ''] = blobsIn(own)
    const inRegistry = (path: string) => {
      const hex = path.slice(-64)
      return join(place.data, `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)
    }
    const good = readFileSync(kept)
    writeFileSync(inRegistry(kept), Buffer.alloc(good.length))
    rmSync(inRegistry(gone))
    rmSync(gone)
    const { code, printed } = await berth(place, 'backup', own, '--verify')
    expect(printed).toContain(`sha256:${gone.slice(-64)} missing`)
    expect(printed).not.toContain(kept.slice(-64))
    expect(code).toBe(1)
    expect(readFileSync(kept)).toEqual(good)
    // And what the backup has not yet is not taken damaged.
    rmSync(kept)
    expect((await berth(place, 'backup', own)).printed).toContain(`sha256:${kept.slice(-64)} damaged`)
    expect(existsSync(kept)).toBe(false)
  })
})

describe('a damaged backup', () => {
  const [source, directory] = [onSqlite(folder()), folder()]
  beforeAll(async () => {
    await fill(source)
    await backUp(source, directory)
  })

  function flip(path: string): void {
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }

  test('is told whole, until a byte of a blob is flipped; the rest is restored, and the next run mends it', async () => {
    const [blob = ''] = blobsIn(directory)
    const digest = `sha256:${blob.slice(-64)}`
    expect(await berth(source, 'restore', directory, '--check')).toMatchObject({ code: 0 })
    flip(blob)
    const checked = await berth(source, 'restore', directory, '--check')
    expect(checked).toMatchObject({ code: 1, printed: expect.stringContaining(`${digest} damaged`) })
    const target = onSqlite(folder())
    const restored = await berth(target, 'restore', directory)
    expect(restored).toMatchObject({ code: 1, printed: expect.stringContaining(`${digest} damaged`) })
    {
      await using server = await serve(target)
      const tags = (await (await fetch(`${server.url}/v2/app/tags/list`)).json()) as { tags: string[] }
      expect(tags.tags).toContain('latest')
    }
    const { copied } = await backUp(source, directory, '--verify')
    expect(copied.blobs).toBe(1)
    expect(await berth(source, 'restore', directory, '--check')).toMatchObject({ code: 0 })
  })

  test('is told, and not restored, where a byte of its metadata or of its list is flipped', async () => {
    const { point } = await backUp(source, directory)
    for (const file of ['metadata.ndjson.zst', 'blobs.zst']) {
      const path = join(directory, 'points', point.name, file)
      const whole = readFileSync(path)
      flip(path)
      const checked = await berth(source, 'restore', directory, '--check')
      expect(checked).toMatchObject({
        code: 1,
        printed: expect.stringContaining(file[0] === 'm' ? 'metadata is damaged' : 'list of blobs'),
      })
      const target = onSqlite(folder())
      expect((await berth(target, 'restore', directory)).code).toBe(1)
      expect(existsSync(join(target.data, 'berth'))).toBe(false)
      writeFileSync(path, whole)
    }
  })
})

describe('refused is', () => {
  const [source, directory] = [onSqlite(folder()), folder()]
  beforeAll(async () => {
    await fill(source)
    await backUp(source, directory)
  })

  test('a second run into the same folder at once', async () => {
    const lock = acquireVolumeLock(join(directory, 'lock.db'), 'exclusive')
    const { code, printed } = await berth(source, 'backup', directory)
    lock.release()
    expect(printed).toContain(`Another Berth works on ${directory}`)
    expect(code).toBe(1)
  })

  test('a folder of something else, or of another registry, or inside the data', async () => {
    const other = onSqlite(folder())
    await fill(other)
    expect((await berth(other, 'backup', directory)).printed).toContain('of another registry')
    const used = folder()
    writeFileSync(join(used, 'letter.txt'), 'dear all')
    expect((await berth(source, 'backup', used)).printed).toContain('not empty (letter.txt)')
    expect((await berth(source, 'backup', join(source.data, 'backup'))).printed).toContain(
      'must not lie in each other',
    )
    expect((await berth(source, 'restore', used)).printed).toContain('no folder of Berth')
  })

  test('to restore over what is there', async () => {
    const facts = await lastingFacts(source)
    expect(await berth(source, 'restore', directory)).toMatchObject({ code: 4 })
    const images = onSqlite(folder())
    renameSync(join(source.data, 'docker'), join(images.data, 'docker'))
    expect((await berth(images, 'restore', directory)).printed).toContain('is not empty')
    renameSync(join(images.data, 'docker'), join(source.data, 'docker'))
    expect(await lastingFacts(source)).toEqual(facts)
  })

  test('a time that no backup has', async () => {
    const { code, printed } = await berth(onSqlite(folder()), 'restore', directory, '--at', '1999')
    expect(printed).toContain('no backup whose time begins with 1999')
    expect(code).toBe(1)
    expect((await berth(source, 'restore', directory, '--list')).printed).toMatch(/^\d{4}-.*blobs/)
  })
})

function never(): never {
  throw new Error('the repository is not there')
}
