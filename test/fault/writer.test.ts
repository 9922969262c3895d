/**
 * A writer that dies takes nothing along; one that cannot write is not hidden: `/readyz` says so, and a server that
 * cannot get another one ends.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, launchBerth, startBerth } from '../berth-server.ts'
import { type Content, content, digestOf, noise } from '../clients/images.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { TWO_WORKERS, writerOf } from './processes.ts'
import { failSyncs } from './strace.ts'

setDefaultTimeout(60_000)

const INDEX = 'application/vnd.oci.image.index.v1+json'

/** An index that refers to nothing: a write that asks nothing of the storage before its commit. */
function emptyIndex(name: string): Content {
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [], annotations: { name } }
  return content(INDEX, new TextEncoder().encode(JSON.stringify(index)))
}

function putIndex(berth: BerthServer, tag: string): Promise<Response> {
  const headers = { 'content-type': INDEX }
  const body = emptyIndex(tag).bytes
  return fetch(`${berth.url}/v2/team/app/manifests/${tag}`, { method: 'PUT', headers, body })
}

async function push(berth: BerthServer, tag: string): Promise<number> {
  return (await putIndex(berth, tag)).status
}

async function readiness(berth: BerthServer): Promise<number> {
  return (await fetch(`${berth.url}/readyz`)).status
}

test('while the writer does not answer, /readyz says no and pulls go on', async () => {
  await using berth = await startBerth({ env: TWO_WORKERS })
  expect(await push(berth, 'before')).toBe(201)
  const writer = writerOf(berth)
  process.kill(writer, 'SIGSTOP')
  try {
    expect(await readiness(berth)).toBe(503)
    expect((await fetch(`${berth.url}/v2/team/app/manifests/before`)).status).toBe(200)
  } finally {
    process.kill(writer, 'SIGCONT')
  }
  await until('it is ready again', async () => (await readiness(berth)) === 200)
})

describeWith('on a disk that syncs no more (strace)', ['strace'], ({ strace }) => {
  test('one process ends with a sentence when no writer lives', async () => {
    await using berth = await startBerth()
    expect(await push(berth, 'before')).toBe(201)
    await using _ = await failSyncs(strace, berth.pid)
    const pushing = async () => {
      for (let round = 0; berth.processes().length > 0; round++) {
        expect(await push(berth, `after-${round}`).catch(() => 503)).toBe(503)
      }
    }
    await pushing()
    expect(await berth.exited).toBe(5)
    expect(berth.log()).toContain('The writer of the database died 5 times within a minute')
    expect(berth.log()).toContain('the disk reports errors')
  })

  test('the process of a writer ends, and its successor works', async () => {
    await using berth = await startBerth({ env: TWO_WORKERS })
    expect(await push(berth, 'before')).toBe(201)
    const writer = writerOf(berth)
    await using _ = await failSyncs(strace, writer)
    expect(await push(berth, 'refused')).toBe(503)
    await until('another writer works', () => berth.log().includes('writer works again'))
    expect(writerOf(berth)).not.toBe(writer)
    expect(await push(berth, 'after')).toBe(201)
    expect((await fetch(`${berth.url}/v2/team/app/manifests/refused`)).status).toBe(404)
  })
})

test('after its supervisor was killed, the next Berth on the folder waits for the old writer', async () => {
  await using first = await startBerth({ env: TWO_WORKERS })
  const writer = writerOf(first)
  process.kill(writer, 'SIGSTOP')
  process.kill(first.pid, 'SIGKILL')
  await first.exited
  const waking = setTimeout(() => process.kill(writer, 'SIGCONT'), 1000)
  await using second = await startBerth({ data: first.data })
  clearTimeout(waking)
  expect(first.processes()).toEqual([])
  expect(await push(second, 'after')).toBe(201)
})

/** One request that writes, and what it was answered. */
interface Write {
  readonly address: string
  readonly digest: string
  readonly status: number
  readonly retryAfter: string | null
}

/** A manifest or a blob, in turns. */
async function write(berth: BerthServer, name: string, number: number): Promise<Write> {
  if (number % 2 === 0) {
    const { status, headers } = await putIndex(berth, name)
    const { digest } = emptyIndex(name)
    return { address: `manifests/${name}`, digest, status, retryAfter: headers.get('retry-after') }
  }
  const { bytes: body, digest } = content('application/octet-stream', noise(name, 10_000))
  const url = `${berth.url}/v2/team/app/blobs/uploads/?digest=${digest}`
  const { status, headers } = await fetch(url, { method: 'POST', body })
  return { address: `blobs/${digest}`, digest, status, retryAfter: headers.get('retry-after') }
}

/** What was promised is there; the rest is there in full, or not at all. */
async function expectWhole(berth: BerthServer, { address, digest, status }: Write): Promise<void> {
  const url = `${berth.url}/v2/team/app/${address}`
  const head = await fetch(url, { method: 'HEAD' })
  const found = await fetch(url)
  const bytes = await found.bytes()
  expect(found.status).toBe(head.status)
  expect(status === 201 ? [200] : [200, 404]).toContain(found.status)
  if (found.status === 200) expect(digestOf(bytes)).toBe(digest)
}

/** Berth gives up where its writer dies oftener within a minute. */
const MOST_DEATHS = 4

/** Resolves when the next one takes writes, which it must within 5 s. */
async function replaceWriter(berth: BerthServer): Promise<void> {
  process.kill(writerOf(berth), 'SIGKILL')
  const killed = performance.now()
  await until('writes are taken', async () => (await push(berth, 'after')) === 201)
  expect(performance.now() - killed).toBeLessThan(5000)
}

test('a writer that is killed with commands in flight leaves them done or refused, and another is there within 5 s', async () => {
  await using berth = await startBerth({ env: TWO_WORKERS })
  const writes: Write[] = []
  let goesOn = true
  const clients = Array.from({ length: 24 }, async (_, client) => {
    for (let number = client; goesOn; number += 1)
      writes.push(await write(berth, `client${client}-${number}`, number))
  })
  await until('many have been answered', () => writes.length > 100)
  const isRefused = ({ status }: Write) => status !== 201
  // One that had just answered what it was sent takes nothing along: what waits in the workers goes to its successor.
  for (let death = 0; death < MOST_DEATHS && !writes.some(isRefused); death++) await replaceWriter(berth)
  goesOn = false
  await Promise.all(clients)
  const refused = writes.filter(isRefused)
  expect(new Set(refused.map(({ status, retryAfter }) => `${status} ${retryAfter}`))).toEqual(
    new Set(['503 5']),
  )
  await Promise.all(writes.map((each) => expectWhole(berth, each)))
})

test('a writer that cannot start ends the whole with its reason', async () => {
  const data = mkdtempSync(join(tmpdir(), 'berth-writer-'))
  mkdirSync(join(data, 'berth'))
  writeFileSync(join(data, 'berth/berth.db'), 'this was a database once'.repeat(1000))
  await using berth = await launchBerth({ data, env: TWO_WORKERS })
  expect(await berth.exited).toBe(5)
  expect(berth.log()).toMatch(/^berth: .*\n$/)
  expect(berth.processes()).toEqual([])
  rmSync(data, { recursive: true })
})

test('a writer that cannot come back ends the whole with its reason, after some tries', async () => {
  await using berth = await startBerth({ env: TWO_WORKERS })
  const database = join(berth.data, 'berth/berth.db')
  renameSync(database, `${database}.lost`)
  mkdirSync(database)
  process.kill(writerOf(berth), 'SIGKILL')
  expect(await berth.exited).toBe(5)
  expect(berth.log()).toMatch(/writer failed \(The database .*\); starting it again in 1600 ms" /)
  expect(berth.log()).toMatch(/\nberth: The database .* cannot be used now: .*\n$/)
  await until('the workers have ended', () => berth.processes().length === 0)
})
