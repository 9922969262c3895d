import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { type MadeCertificate, makeSelfSigned } from '../../test/certificate-files.ts'
import { command } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { until } from '../../test/until.ts'
import { serveForTest, textReply } from './raw-client.support.ts'
import type { RunningServer } from './server.ts'
import type { TlsOptions } from './tls.ts'

setDefaultTimeout(30_000)

describeWith('a server whose certificate is replaced', ['openssl', 'curl'], ({ openssl, curl }) => {
  let folder: string
  let older: MadeCertificate
  let newer: MadeCertificate
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-listener-'))
    older = await makeSelfSigned(openssl, folder, { name: 'older' })
    newer = await makeSelfSigned(openssl, folder, { name: 'newer' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function optionsOf({ certificate, key }: MadeCertificate): Promise<TlsOptions> {
    const [certificateText, keyText] = await Promise.all(
      [certificate, key].map((path) => Bun.file(path).text()),
    )
    const texts = { certificate: certificateText ?? '', key: keyText ?? '' }
    return { ...texts, client: null, minimumVersion: 'tls1.2', cipherSuites: null }
  }

  /** A connection that is kept, whose answers are read one by one. */
  async function connect(running: RunningServer): Promise<tls.TLSSocket> {
    const socket = tls.connect({ port: running.port ?? 0, host: '127.0.0.1', rejectUnauthorized: false })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    return socket
  }

  async function exchange(socket: tls.TLSSocket, request: string): Promise<string> {
    const answer = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))))
    socket.write(request)
    return await answer
  }

  function ask(socket: tls.TLSSocket, path: string): Promise<string> {
    return exchange(socket, `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`)
  }

  function nameOf(socket: tls.TLSSocket): string {
    return String(socket.getPeerCertificate().subject.CN)
  }

  test('shows the new one to every new connection once the old server has left', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(older) })
    const before = await connect(running)
    expect(nameOf(before)).toBe('older')
    await ask(before, '/')
    const isClosed = new Promise((resolve) => before.once('close', resolve))
    running.replaceTls(await optionsOf(newer))
    await isClosed
    for (let count = 0; count < 20; count++) {
      const socket = await connect(running)
      expect(nameOf(socket)).toBe('newer')
      socket.destroy()
    }
    await running.stop({ graceMilliseconds: 0 })
  })

  test('finishes what is in flight on the old one, over HTTP/1.1 and HTTP/2', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    let waiting = 0
    const running = await serveForTest(
      async (request) => {
        if (request.path === '/at-once') return textReply(200, 'here')
        waiting++
        await released
        return textReply(200, 'finished')
      },
      { tls: await optionsOf(older), http2: true },
    )
    const slow = ['--http1.1', '--http2'].map((version) =>
      command(curl, ['-sSk', version, `https://127.0.0.1:${running.port}/`]),
    )
    await until('both are being handled', () => waiting === 2)
    const resting = await connect(running)
    await ask(resting, '/at-once')
    const isClosed = new Promise((resolve) => resting.once('close', resolve))
    running.replaceTls(await optionsOf(newer))
    await isClosed
    release()
    expect(await Promise.all(slow)).toEqual(['finished', 'finished'])
    await running.stop({ graceMilliseconds: 0 })
  })

  test('asks whoever keeps a connection to the old one to open another', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(older) })
    const kept = await connect(running)
    expect(await ask(kept, '/')).not.toMatch(/^connection: close/im)
    running.replaceTls(await optionsOf(newer))
    // Not where a body may still be on its way.
    const body = 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody'
    expect(await exchange(kept, body)).not.toMatch(/^connection: close/im)
    expect(await exchange(kept, 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')).toMatch(
      /^connection: close/im,
    )
    await running.stop({ graceMilliseconds: 0 })
  })

  test('stays as it is where the new one cannot be used', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(older) })
    const mixed = { ...(await optionsOf(newer)), key: (await optionsOf(older)).key }
    expect(() => running.replaceTls(mixed)).toThrow()
    const socket = await connect(running)
    expect(nameOf(socket)).toBe('older')
    expect(await ask(socket, '/')).toEndWith('here')
    socket.destroy()
    await running.stop({ graceMilliseconds: 0 })
  })

  test('on a Unix socket leaves the path to its successor, and removes it at the end', async () => {
    const path = join(folder, 'socket')
    const running = await serveForTest(() => textReply(200, 'here'), {
      address: { kind: 'unix', path },
      tls: await optionsOf(older),
    })
    running.replaceTls(await optionsOf(newer))
    const args = ['-sS', '--unix-socket', path, '--cacert', newer.certificate, 'https://localhost/']
    expect(await command(curl, args)).toBe('here')
    await running.stop({ graceMilliseconds: 0 })
    expect(existsSync(path)).toBe(false)
  })

  test('stops while the old one has not yet left, and waits for nobody who has asked nothing', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(older) })
    const resting = await connect(running)
    const isClosed = new Promise((resolve) => resting.once('close', resolve))
    running.replaceTls(await optionsOf(newer))
    const began = performance.now()
    await running.stop({ graceMilliseconds: 20_000 })
    await isClosed
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(connect(running)).rejects.toThrow()
  })
})
