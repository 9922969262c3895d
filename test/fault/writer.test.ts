/** A writer that cannot write is not hidden: `/readyz` says so, and a server that cannot get another one ends. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { failSyncs } from './strace.ts'

setDefaultTimeout(60_000)

const INDEX = 'application/vnd.oci.image.index.v1+json'

/** Pushes an empty index: a write that asks nothing of the storage before its commit. */
async function push(berth: BerthServer, tag: string): Promise<number> {
  const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [], annotations: { tag } })
  const headers = { 'content-type': INDEX }
  const answer = await fetch(`${berth.url}/v2/team/app/manifests/${tag}`, { method: 'PUT', headers, body })
  return answer.status
}

function writerOf(berth: BerthServer): number {
  const pid = berth
    .processes()
    .find((each) => readFileSync(`/proc/${each}/cmdline`, 'utf8').includes('\0writer\0'))
  if (pid === undefined) throw new Error('there is no writer')
  return pid
}

async function readiness(berth: BerthServer): Promise<number> {
  return (await fetch(`${berth.url}/readyz`)).status
}

test('while the writer does not answer, /readyz says no and pulls go on', async () => {
  await using berth = await startBerth({ env: { BERTH_WORKERS: '2' } })
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
    await using berth = await startBerth({ env: { BERTH_WORKERS: '2' } })
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
  await using first = await startBerth({ env: { BERTH_WORKERS: '2' } })
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
