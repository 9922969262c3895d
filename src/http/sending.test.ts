/** A reply is told of when it has been sent, or when its client has gone: to the log and to the metrics. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../test/until.ts'
import { serveForTest } from './raw-client.support.ts'
import type { RunningServer } from './server.ts'

/** More than a client's and a server's sockets hold together. */
const LENGTH = 64 * 1024 * 1024

interface Told {
  readonly path: string
  readonly isCut: boolean
  readonly address: string | null
}

describe('the reply with a large file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sending-test-'))
  const told: Told[] = []
  let server: RunningServer

  beforeAll(async () => {
    writeFileSync(join(folder, 'file'), new Uint8Array(LENGTH))
    const file = { kind: 'file', path: join(folder, 'file'), offset: 0 } as const
    server = await serveForTest(
      ({ path }) => ({
        status: 200,
        headers: {},
        body: { ...file, length: path === '/small' ? 1000 : LENGTH },
      }),
      {
        onReply: ({ path, signal, remoteAddress }) =>
          told.push({ path, isCut: signal.aborted, address: remoteAddress }),
      },
    )
  })
  afterAll(async () => {
    await server.stop({ graceMilliseconds: 0 })
    rmSync(folder, { recursive: true })
  })

  /** Has read the beginning, and reads no more until it is resumed. */
  async function begin(path: string): Promise<net.Socket> {
    const socket = net.connect({ port: server.port ?? 0, host: '127.0.0.1' })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    return socket
  }

  function of(path: string): Told[] {
    return told.filter((each) => each.path === path)
  }

  test('is told of when its client has read it', async () => {
    const socket = await begin('/whole')
    // A later request of another client is told of meanwhile.
    await (await fetch(`${server.url}/small`)).arrayBuffer()
    expect([of('/small').length, of('/whole').length]).toEqual([1, 0])
    socket.resume()
    await until('it is told of', () => of('/whole').length > 0)
    expect(of('/whole')).toEqual([{ path: '/whole', isCut: false, address: '127.0.0.1' }])
    socket.destroy()
  })

  test('and says so where the client has gone before', async () => {
    const socket = await begin('/cut')
    socket.destroy()
    await until('it is told of', () => of('/cut').length > 0)
    expect(of('/cut')).toEqual([{ path: '/cut', isCut: true, address: '127.0.0.1' }])
  })

  test('is told of before a server that stops has stopped', async () => {
    const socket = await begin('/stopped')
    const stopping = server.stop({ graceMilliseconds: 5_000 })
    socket.resume()
    await stopping
    expect(of('/stopped').length).toBe(1)
    socket.destroy()
  })
})
