/** SIGTERM and SIGINT end Berth within the ten seconds that Docker gives, whatever its clients do. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { until } from '../until.ts'

const DOCKER_WAITS = 10_000

setDefaultTimeout(30_000)

/** An upload whose client has announced more than it will ever send. */
async function stallUpload(berth: BerthServer): Promise<Socket> {
  const begun = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const location = new URL(begun.headers.get('location') ?? '', berth.url)
  const socket = connect({ port: berth.port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(
    `PATCH ${location.pathname}${location.search} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhalf`,
  )
  const folder = join(berth.data, 'berth/uploads')
  await until('the upload is being received', () => existsSync(folder) && readdirSync(folder).length > 0)
  return socket
}

async function stopWithStalledUpload(signal: NodeJS.Signals, workers: number): Promise<number> {
  await using berth = await startBerth({ env: { BERTH_WORKERS: String(workers) } })
  const socket = await stallUpload(berth)
  const asked = performance.now()
  berth.signal(signal)
  await berth.exited
  const took = performance.now() - asked
  expect(berth.processes()).toEqual([])
  socket.destroy()
  return took
}

test('with an upload that stalls, alone and with several workers', async () => {
  const took = await Promise.all([
    stopWithStalledUpload('SIGTERM', 1),
    stopWithStalledUpload('SIGTERM', 2),
    stopWithStalledUpload('SIGINT', 2),
  ])
  for (const milliseconds of took) expect(milliseconds).toBeLessThan(DOCKER_WAITS)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'with nothing to do, %s ends it with exit code 0',
  async (signal) => {
    await using berth = await startBerth({ env: { BERTH_WORKERS: '2' } })
    berth.signal(signal)
    expect(await berth.exited).toBe(0)
    expect(existsSync(join(berth.data, 'berth/control.sock'))).toBe(false)
  },
)
