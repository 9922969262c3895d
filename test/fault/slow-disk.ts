/** A disk whose fsyncs hang, and what must go on beside them. */
import { expect } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import type { BerthServer } from '../berth-server.ts'
import { type Content, content, noise } from '../clients/images.ts'
import { locationOf, pushBlob } from '../clients/push.ts'
import { until } from '../until.ts'
import { slowDown } from './strace.ts'

/** More than a small machine has cores. */
const PUSHES = 12
const LONGER_THAN_A_TEST = 60_000

/** Holds up the fsyncs of many pushes at once in these processes: meanwhile others must be able to write and to read. */
export async function expectOthersGoOn(
  strace: string,
  berth: BerthServer,
  pids: readonly number[],
): Promise<void> {
  const stored = blobOf('stored before')
  await pushBlob(berth.url, 'team/app', stored)
  let pushing: Promise<unknown> = Promise.resolve()
  {
    await using _ = await slowDown(strace, pids, ['fsync'], LONGER_THAN_A_TEST)
    const blobs = Array.from({ length: PUSHES }, (_, number) => blobOf(`slow ${number}`))
    pushing = Promise.all(blobs.map((blob) => pushBlob(berth.url, 'team/app', blob)))
    // Should anything else fail first, then that is what there is to say.
    pushing.catch(() => {})
    await until('every push waits for its fsync', () => countHeldThreads(pids) >= PUSHES)
    await readRanges(berth, stored)
    await beginUpload(berth)
    expect(countHeldThreads(pids)).toBeGreaterThanOrEqual(PUSHES)
  }
  await pushing
}

function blobOf(name: string): Content {
  return content('application/octet-stream', noise(name, 1000))
}

/** Two ranges of one blob, which are read to be sent: a whole blob is sent by the kernel. */
async function readRanges(berth: BerthServer, { digest }: Content): Promise<void> {
  const headers = { range: 'bytes=0-9,20-29' }
  const answer = await fetch(`${berth.url}/v2/team/app/blobs/${digest}`, { headers })
  expect(answer.status).toBe(206)
  await answer.bytes()
}

async function beginUpload(berth: BerthServer): Promise<void> {
  const begun = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const patched = await fetch(locationOf(begun, berth.url), { method: 'PATCH', body: noise('beside', 1000) })
  expect(patched.status).toBe(202)
}

/** Threads that strace holds up. */
function countHeldThreads(pids: readonly number[]): number {
  const threads = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((id) => `/proc/${pid}/task/${id}`),
  )
  return threads.filter((thread) => stateOf(thread) === 't').length
}

/** As in ps: "t" is stopped by a tracer. */
function stateOf(thread: string): string {
  try {
    const stat = readFileSync(`${thread}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).charAt(0)
  } catch {
    return '' // It has ended.
  }
}
