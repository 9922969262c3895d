/**
 * A server, Berth or one of the registries that it stands in for, with its two outputs apart and a configuration file
 * that all of them read.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, findFreePort } from '../berth-server.ts'
import type { Image } from '../clients/images.ts'
import { pushImage } from '../clients/push.ts'
import { until } from '../until.ts'

export interface Running extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** The debug server's, where the configuration has one. */
  readonly debug: string
  /** What it has written so far. */
  stdout(): string
  stderr(): string
  /** SIGTERM, and waits for its end. */
  stop(): Promise<number>
}

/** What stands in the file beside `version`, `storage` and the addresses. */
export interface Settings {
  readonly log?: { readonly level?: string; readonly [name: string]: unknown }
  readonly http?: object
  readonly health?: object
  readonly storage?: object
  /** Variables beside the file. */
  readonly environment?: Readonly<Record<string, string>>
}

/** `program` is Berth itself where none is named. */
export async function startServer(settings: Settings = {}, program?: string): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'operating-test-'))
  const [port, debugPort] = [await findFreePort(), await findFreePort()]
  const file = join(folder, 'config.yml')
  writeFileSync(file, JSON.stringify(configuration(settings, { folder, port, debugPort })))
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => join(folder, name)) as [string, string]
  const outputs = [stdout, stderr].map((path) => openSync(path, 'a')) as [number, number]
  const child = Bun.spawn([...(program === undefined ? FROM_SOURCE : [program]), 'serve', file], {
    cwd: folder,
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none', ...settings.environment },
    stdio: ['ignore', ...outputs],
  })
  for (const output of outputs) closeSync(output)
  const running = {
    url: `http://127.0.0.1:${port}`,
    debug: `http://127.0.0.1:${debugPort}`,
    stdout: () => readFileSync(stdout, 'utf8'),
    stderr: () => readFileSync(stderr, 'utf8'),
    async stop() {
      child.kill('SIGTERM')
      return await child.exited
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
  const name = program ?? 'Berth'
  await until(`${name} answers`, () => answers(running.url))
  // The first of several workers answers before the server as a whole has started.
  if (settings.log?.level !== 'error') {
    await until(`${name} has started`, () => running.stderr().includes('debug server listening'))
  }
  return running
}

/** Every kind of request once, one of them refused. */
export async function exercise(
  { url }: Running,
  image: Image,
  client: Readonly<Record<string, string>> = {},
): Promise<void> {
  const headers = { accept: image.root.mediaType, ...client }
  await pushImage(url, 'team/app', '1', image)
  for (const path of [
    '/v2/',
    '/v2/_catalog',
    '/v2/team/app/tags/list',
    '/v2/team/app/manifests/1',
    `/v2/team/app/blobs/${image.blobs[0]?.digest}`,
    '/v2/team%2fapp/tags/list',
    '/v2/team/app/manifests/none',
  ]) {
    await (await fetch(url + path, { headers })).arrayBuffer()
  }
  await fetch(`${url}/v2/team/app/manifests/1`, { method: 'OPTIONS', headers })
}

function configuration(
  { log, http, health, storage }: Settings,
  place: { readonly folder: string; readonly port: number; readonly debugPort: number },
): object {
  const debug = { addr: `127.0.0.1:${place.debugPort}`, prometheus: { enabled: true, path: '/metrics' } }
  return {
    version: '0.1',
    log: { level: 'info', ...log },
    storage: {
      filesystem: { rootdirectory: join(place.folder, 'data') },
      delete: { enabled: true },
      ...storage,
    },
    http: { addr: `127.0.0.1:${place.port}`, debug, ...http },
    ...(health === undefined ? {} : { health }),
  }
}

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url).catch(() => null)
  return answer !== null
}
