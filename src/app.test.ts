/**
 * The composition, on PostgreSQL, where all of it runs in this process: replicas on one database and one
 * folder, stops and starts. How a person starts Berth, are test/serve.test.ts's, and its processes on SQLite test/workers.test.ts's.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { type PostgresServer, startPostgres } from '../test/postgres-server.ts'
import { failureOf } from '../test/registry-bench.ts'
import { CONFIG, newBlob, newImage, type Sample } from '../test/sample-content.ts'
import { describeWith } from '../test/tools/describe-with.ts'
import { VolumeRefused } from './app/volume.ts'
import { type App, startApp } from './app.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { createLog } from './observability/log.ts'
import { OCI_MANIFEST } from './oci/media-type.ts'
import { parseRepositoryName } from './oci/repository-name.ts'
import { parseTag } from './oci/tag.ts'
import { tagLinkPath } from './storage/layout.ts'

describeWith('an app on PostgreSQL', ['initdb', 'postgres'], () => {
  let postgres: PostgresServer
  let database: string
  let root: string
  const apps: App[] = []
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())
  beforeEach(async () => {
    database = await postgres.createDatabase()
    root = mkdtempSync(join(tmpdir(), 'berth-app-'))
  })
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close(1000)
    rmSync(root, { recursive: true })
  })

  function start(changes: Partial<Config> = {}): Promise<App> {
    const config = { ...configFor(root, database), ...changes }
    return startApp({ config, role: { kind: 'single' }, log })
  }

  async function started(changes: Partial<Config> = {}): Promise<App> {
    const app = await start(changes)
    apps.push(app)
    return app
  }

  test('shows what was pushed to one replica in the other at once', async () => {
    const [one, two] = [await started(), await started()]
    const image = await push(one, 'v1')
    const answer = await fetch(`${two.url}/v2/team/app/manifests/v1`)
    expect(await answer.bytes()).toEqual(image.bytes)
    const next = await push(two, 'v1')
    expect((await fetch(`${one.url}/v2/team/app/manifests/v1`)).headers.get('docker-content-digest')).toBe(
      next.digest,
    )
  })

  test('goes on in one replica with an upload that another one began', async () => {
    const [one, two] = [await started(), await started()]
    const blob = newBlob()
    const begun = await fetch(`${one.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
    const location = begun.headers.get('location') ?? ''
    const [first, last] = [blob.bytes.slice(0, 4), blob.bytes.slice(4)]
    await fetch(one.url + location, { method: 'PATCH', body: first })
    const second = await fetch(two.url + location, { method: 'PATCH', body: last })
    expect(second.status).toBe(202)
    expect(second.headers.get('range')).toBe(`0-${blob.bytes.length - 1}`)
    const closed = await fetch(`${one.url}${location}&digest=${blob.digest}`, { method: 'PUT' })
    expect(closed.status).toBe(201)
    const stored = await fetch(`${two.url}/v2/team/app/blobs/${blob.digest}`)
    expect(await stored.bytes()).toEqual(blob.bytes)
  })

  test('has what was pushed after a stop and a start, and the link tree beside it', async () => {
    const first = await start()
    const image = await push(first, 'v1')
    await first.close(1000)
    const link = join(root, tagLinkPath(parseRepositoryName('team/app'), parseTag('v1')))
    expect(await Bun.file(link).text()).toBe(image.digest)
    const second = await started()
    const answer = await fetch(`${second.url}/v2/team/app/manifests/v1`)
    expect(await answer.bytes()).toEqual(image.bytes)
  })

  test('mends what a dead replica has left marked in the link tree when it starts', async () => {
    const first = await start()
    const image = await push(first, 'v1')
    await first.close(1000)
    const link = join(root, tagLinkPath(parseRepositoryName('team/app'), parseTag('v1')))
    rmSync(link)
    const sql = new SQL({ url: database, max: 1 })
    await sql.unsafe(
      `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at) SELECT 'tag', id, 'v1', NULL, 0 FROM repositories`,
    )
    await sql.close()
    await started()
    expect(await Bun.file(link).text()).toBe(image.digest)
  })

  test('is ready, and says so beside the protocol', async () => {
    const app = await started()
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200)
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${app.url}/v2/`)).status).toBe(200)
  })

  test('hands out whole addresses, and refuses deletes, where it is told to', async () => {
    const { http, storage } = configFor(root, database)
    const app = await started({
      http: { ...http, host: 'https://registry.example.com', relativeUrls: false },
      storage: { ...storage, deleteEnabled: false },
    })
    const begun = await fetch(`${app.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
    expect(begun.headers.get('location')).toStartWith('https://registry.example.com/v2/team/app/')
    const refused = await fetch(`${app.url}/v2/team/app/manifests/v1`, { method: 'DELETE' })
    expect(refused.status).toBe(405)
  })

  test('takes sparse images where it is told to', async () => {
    const app = await started({ manifests: { ...usual.config.manifests, allowMissing: true } })
    expect((await putManifest(app, 'sparse', newImage())).status).toBe(201)
  })

  test('forgets no idle upload while it is read-only', async () => {
    const usual = configFor(root, database)
    const uploads = { ...usual.uploads, expireAfterMilliseconds: 1 }
    const writable = await start()
    const begun = await fetch(`${writable.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
    const address = begun.headers.get('location') ?? ''
    await writable.close(1000)
    const readOnly = await start({ uploads, storage: { ...usual.storage, readOnly: true } })
    expect((await fetch(readOnly.url + address)).status).toBe(204)
    await readOnly.close(1000)
    const again = await started({ uploads })
    expect((await fetch(again.url + address)).status).toBe(404)
  })

  test('refuses a database that belongs to another folder, and leaves both to others', async () => {
    const first = await start()
    await push(first, 'v1')
    await first.close(1000)
    const elsewhere = join(root, 'elsewhere')
    const { storage } = configFor(root, database)
    const refused = start({ storage: { ...storage, driver: { kind: 'filesystem', root: elsewhere } } })
    const error = await failureOf(refused)
    expect(error).toBeInstanceOf(VolumeRefused)
    expect(error.message).toContain('another data folder')
    expect(existsSync(join(elsewhere, 'docker'))).toBe(false)
    await started()
  })

  test('lets go of everything when it cannot listen', async () => {
    const taken = await started()
    const { http } = configFor(root, database)
    const address = { kind: 'tcp', hostname: '127.0.0.1', port: Number(new URL(taken.url).port) } as const
    const error = await failureOf(start({ http: { ...http, address } }))
    expect(error).toHaveProperty('name', 'CannotListen')
    expect((await fetch(`${taken.url}/v2/`)).status).toBe(200)
  })
})

const log = createLog({ level: 'error', format: 'json', write: () => undefined })

const usual = await loadConfig({
  file: null,
  environment: { REGISTRY_HTTP_ADDR: '127.0.0.1:0' },
  flags: { addr: null, data: null },
  isTerminal: false,
})

function configFor(root: string, url: string): Config {
  return {
    ...usual.config,
    storage: { driver: { kind: 'filesystem', root }, deleteEnabled: true, readOnly: false },
    database: { kind: 'postgres', url, connections: 6 },
    log: { level: 'error', format: 'json', fields: {}, accessLog: false },
    shutdownGraceMilliseconds: 1000,
  }
}

/** Pushes a new image over HTTP. */
async function push(app: App, tag: string): Promise<Sample> {
  const config = newBlob(CONFIG)
  const at = `${app.url}/v2/team/app/blobs/uploads/?digest=${config.digest}`
  expect((await fetch(at, { method: 'POST', body: config.bytes })).status).toBe(201)
  const image = newImage({ config })
  expect((await putManifest(app, tag, image)).status).toBe(201)
  return image
}

function putManifest(app: App, tag: string, image: Sample): Promise<Response> {
  return fetch(`${app.url}/v2/team/app/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': OCI_MANIFEST },
    body: image.bytes,
  })
}
