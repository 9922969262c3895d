/**
 * One kill in the midst of a collection: a volume that has content of every kind that nothing needs, a run of
 * collection that its owner asks for, a process that dies at one step of it, and then another server, which goes on.
 */

import { expect } from 'bun:test'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ControlClient, findRunningServer } from '../../src/cli/control-client.ts'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { buildImage, content, digestOf, type Image, noise } from '../clients/images.ts'
import { deleteManifest, pushBlob, pushImage } from '../clients/push.ts'
import { type Call, countSteps, killAt, type StepCounts, traceSteps } from '../fault/strace.ts'
import { condemnedFiles, storedContent } from '../soak/stored.ts'
import { until } from '../until.ts'
import type { Stage } from './kill.ts'

const REPOSITORY = 'kills/collection'
const OTHER = 'kills/other'

/** Nothing goes before a day is over, unless somebody asks for it. */
const SETTINGS = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_LEASE: '1ms',
  BERTH_COLLECTION_UNLINKAFTER: '1ms',
}

const SHARED = layer('shared')

/** Two that stay, one in the trash, and one of which nothing stays but the layer that it shares. */
const [kept, also, trashed, gone] = ['kept', 'also kept', 'trashed', 'gone'].map((name) =>
  buildImage([SHARED, layer(name)]),
) as [Image, Image, Image, Image]

function layer(name: string) {
  return { files: new Map([['file', noise(`collection ${name}`, 20_000)]]), compression: 'none' as const }
}

const KEPT: readonly Image[] = [kept, also, trashed]

/** A volume and a database as they stood before the run. */
export interface Fixture extends AsyncDisposable {
  /** A copy for one kill. */
  copy(): Promise<{ readonly data: string; readonly env: Readonly<Record<string, string>> }>
}

/** Fills a server, and stops it. */
export async function prepareFixture({ arena }: Stage): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-collection-'))
  const data = join(folder, 'data')
  const database = await arena.environment()
  {
    await using berth = await startBerth({ data, env: { ...SETTINGS, ...database } })
    await fill(berth)
    await berth.stop()
  }
  let copies = 0
  return {
    async copy() {
      const to = join(folder, `copy-${++copies}`)
      cpSync(data, to, { recursive: true, preserveTimestamps: true })
      return { data: to, env: { ...SETTINGS, ...(await arena.copyOf(database)) } }
    },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function fill({ url, data }: BerthServer): Promise<void> {
  await pushImage(url, REPOSITORY, 'kept', kept)
  await pushImage(url, OTHER, 'also', also)
  await pushImage(url, REPOSITORY, 'gone', gone)
  await deleteManifest(url, REPOSITORY, gone.root.digest)
  await ask(await ownerOf(data), 'POST', '/api/v1/trash/empty', { all: true })
  await pushImage(url, REPOSITORY, 'trashed', trashed)
  await deleteManifest(url, REPOSITORY, trashed.root.digest)
  // Content that no manifest ever used, and a link that no manifest of its repository uses.
  for (const name of ['loose', 'looser']) {
    await pushBlob(url, REPOSITORY, content('application/octet-stream', noise(name, 5_000)))
  }
  for (const blob of kept.blobs) await pushBlob(url, 'kills/linked', blob)
}

async function ownerOf(data: string): Promise<ControlClient> {
  const server = await findRunningServer(data)
  if (server === null) throw new Error('nobody answers the owner')
  return server
}

function ask(owner: ControlClient, method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
  return owner.ask(method, path, body)
}

/** The steps of the whole run, each in the thread that takes it most often. */
export async function countCollectionSteps({ strace, plan }: Stage, fixture: Fixture): Promise<StepCounts> {
  await using berth = await startBerth(await fixture.copy())
  await untilKnown(berth)
  await using tracer = await traceSteps(strace, plan.victimsOf(berth))
  await collect(berth)
  await tracer.stop()
  await expectClean(berth)
  return countSteps(tracer.output())
}

/**
 * Dies at the call, if the run comes to it; then starts again, and throws where something is lost or left over. Gives
 * whether a process has died.
 */
export async function surviveCollection(stage: Stage, fixture: Fixture, call: Call): Promise<boolean> {
  const { data, env } = await fixture.copy()
  let hasDied = false
  {
    await using berth = await startBerth({ data, env })
    await untilKnown(berth)
    const victims = stage.plan.victimsOf(berth)
    await using _ = await killAt(stage.strace, victims, call)
    // Whoever asked may be told of it, or cut off.
    await collect(berth).catch(() => undefined)
    hasDied = victims.some((pid) => !berth.processes().includes(pid))
    if (stage.plan.hasSiblings) await untilWell(berth)
    await berth.kill()
  }
  await using again = await startBerth({ data, env })
  await untilKnown(again)
  await expectKept(again)
  await collect(again)
  await expectClean(again)
  await restoreTrashed(again)
  rmSync(data, { recursive: true, force: true })
  return hasDied
}

async function untilWell({ url }: BerthServer): Promise<void> {
  await until('it is ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200)
}

/** Nothing is collected before a start has gone through the folder. */
async function untilKnown({ data }: BerthServer): Promise<void> {
  await until('nothing holds collection back', async () => {
    const status = (await ask(await ownerOf(data), 'GET', '/api/v1/gc')) as { heldBy: string | null }
    return status.heldBy === null
  })
}

/** A whole run, as `berth gc run` asks for it. */
async function collect({ data }: BerthServer): Promise<void> {
  const owner = await ownerOf(data)
  for (let cursor: unknown = null; ; ) {
    const page = (await ask(owner, 'POST', '/api/v1/gc/run', { cursor })) as { next: unknown }
    cursor = page.next
    if (cursor === null) return
  }
}

/** What two repositories have, and what lies in the trash. */
async function expectKept({ url, data }: BerthServer): Promise<void> {
  await expectImage(url, REPOSITORY, 'kept', kept)
  await expectImage(url, OTHER, 'also', also)
  const stored = storedContent(data)
  for (const digest of neededDigests()) expect(stored.has(digest)).toBe(true)
}

/** What nothing needs goes, of the disk and of the database, however often it must be asked for. */
async function expectClean(berth: BerthServer): Promise<void> {
  await until('no bytes lie aside', async () => {
    await collect(berth)
    return condemnedFiles(berth.data).length === 0
  })
  await expectKept(berth)
  const stored = storedContent(berth.data)
  expect([...stored.keys()].toSorted()).toEqual([...neededDigests()].toSorted())
  const status = (await ask(await ownerOf(berth.data), 'GET', '/api/v1/gc')) as Record<string, unknown>
  expect(status).toMatchObject({ deleting: { blobs: 0 }, condemned: { blobs: 0 } })
}

async function restoreTrashed({ url, data }: BerthServer): Promise<void> {
  const owner = await ownerOf(data)
  const { entries } = (await ask(owner, 'GET', `/api/v1/trash?repository=${REPOSITORY}`)) as {
    entries: { id: number }[]
  }
  expect(entries).toHaveLength(1)
  await ask(owner, 'POST', `/api/v1/trash/${entries[0]?.id}/restore`)
  await expectImage(url, REPOSITORY, 'trashed', trashed)
}

async function expectImage(url: string, repository: string, tag: string, image: Image): Promise<void> {
  const answers = [
    [`manifests/${tag}`, image.root.digest],
    ...image.blobs.map(({ digest }) => [`blobs/${digest}`, digest]),
  ]
  for (const [path, digest] of answers) {
    const answer = await fetch(`${url}/v2/${repository}/${path}`)
    expect([path, answer.status, digestOf(await answer.bytes())]).toEqual([path, 200, digest])
  }
}

function neededDigests(): Set<string> {
  return new Set(KEPT.flatMap(({ root, blobs }) => [root, ...blobs].map(({ digest }) => digest)))
}
