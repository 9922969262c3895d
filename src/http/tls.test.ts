import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { type MadeCertificate, makeSelfSigned, makeSigned } from '../../test/certificate-files.ts'
import { tryCommand } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { serveForTest, textReply } from './raw-client.support.ts'
import type { RunningServer } from './server.ts'
import type { ClientCertificates, TlsOptions } from './tls.ts'

setDefaultTimeout(30_000)

async function optionsOf(
  { certificate, key }: MadeCertificate,
  client: ClientCertificates | null = null,
): Promise<TlsOptions> {
  return {
    certificate: await Bun.file(certificate).text(),
    key: await Bun.file(key).text(),
    client,
    minimumVersion: 'tls1.2',
    cipherSuites: null,
  }
}

describeWith('a server with TLS', ['openssl', 'curl'], ({ openssl, curl }) => {
  let folder: string
  let server: MadeCertificate
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-tls-'))
    server = await makeSelfSigned(openssl, folder, { name: 'server' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** What curl got, or the number that it ended with. */
  async function get(...args: string[]): Promise<string | number> {
    const { stdout, exitCode } = await tryCommand(curl, ['-sS', '-m', '10', ...args])
    return exitCode === 0 ? stdout : exitCode
  }

  function trusting(running: RunningServer): string[] {
    return ['--cacert', server.certificate, `https://127.0.0.1:${running.port}/`]
  }

  test('answers over HTTP/1.1 and over HTTP/2 to those who choose it, and knows that the connection is encrypted', async () => {
    const running = await serveForTest((request) => textReply(200, request.origin ?? 'no origin'), {
      tls: await optionsOf(server),
      http2: true,
    })
    const told = ['-w', ' %{http_version}']
    expect(running.url).toBe(`https://127.0.0.1:${running.port}`)
    expect(await get(...told, '--http1.1', ...trusting(running))).toBe(`${running.url} 1.1`)
    expect(await get(...told, '--http2', ...trusting(running))).toBe(`${running.url} 2`)
    await running.stop({ graceMilliseconds: 0 })
  })

  test('does not offer HTTP/2 where it is turned off', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(server) })
    expect(await get('-w', ' %{http_version}', '--http2', ...trusting(running))).toBe('here 1.1')
    await running.stop({ graceMilliseconds: 0 })
  })

  test('closes connections that begin with plain HTTP, without an answer', async () => {
    const running = await serveForTest(() => textReply(200, 'here'), { tls: await optionsOf(server) })
    const emptyReply = 52
    expect(await get(`http://127.0.0.1:${running.port}/`)).toBe(emptyReply)
    await running.stop({ graceMilliseconds: 0 })
  })

  test('lets a refusal be seen over HTTP/2 by a client that sends its whole body first, of a megabyte at most', async () => {
    const running = await serveForTest(() => textReply(403, 'refused'), {
      tls: await optionsOf(server),
      http2: true,
    })
    const body = join(folder, 'body')
    for (const length of [60_000, 1024 * 1024]) {
      await Bun.write(body, new Uint8Array(length))
      for (const version of ['--http2', '--http1.1']) {
        const seen = await get('-T', body, '-w', ' %{http_code}', version, ...trusting(running))
        expect([version, length, seen]).toEqual([version, length, 'refused 403'])
      }
    }
    await running.stop({ graceMilliseconds: 0 })
  })

  test('without TLS HTTP/2 is spoken with those who begin with it, where it is turned on', async () => {
    const prior = ['-w', ' %{http_version}', '--http2-prior-knowledge']
    const on = await serveForTest(() => textReply(200, 'here'), { http2: true })
    expect(await get(...prior, `${on.url}/`)).toBe('here 2')
    // Who asks to change over in the middle stays with HTTP/1.1, as RFC 9113 §3.1 has it.
    expect(await get('-w', ' %{http_version}', '--http2', `${on.url}/`)).toBe('here 1.1')
    await on.stop({ graceMilliseconds: 0 })
    const off = await serveForTest(() => textReply(200, 'here'))
    expect(await get(...prior, `${off.url}/`)).toBeNumber()
    await off.stop({ graceMilliseconds: 0 })
  })
})

describeWith('certificates of clients', ['openssl', 'curl'], ({ openssl, curl }) => {
  let folder: string
  let server: MadeCertificate
  let authorities: string
  const clients = new Map<string, MadeCertificate>()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-clients-'))
    server = await makeSelfSigned(openssl, folder, { name: 'server' })
    const [first, second, stranger] = await Promise.all(
      ['first', 'second', 'stranger'].map((name) =>
        makeSelfSigned(openssl, folder, { name, subjectAltName: '' }),
      ),
    )
    if (first === undefined || second === undefined || stranger === undefined)
      throw new Error('three were made')
    authorities = `${await Bun.file(first.certificate).text()}${await Bun.file(second.certificate).text()}`
    const forClients = ['extendedKeyUsage=clientAuth']
    const sign = async (name: string, by: MadeCertificate, extensions = forClients) =>
      clients.set(name, await makeSigned(openssl, folder, by, { name, extensions }))
    await sign('of the first authority', first)
    await sign('of the second authority', second)
    await sign('without a purpose', first, [])
    await sign('of a stranger', stranger)
    await sign('for servers', first, ['extendedKeyUsage=serverAuth'])
    clients.set(
      'that signs itself',
      await makeSelfSigned(openssl, folder, { name: 'of the first authority 2' }),
    )
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function serving(mode: ClientCertificates['mode']) {
    const handled: string[] = []
    const running = await serveForTest(
      (request) => {
        handled.push(request.path)
        return textReply(200, 'in')
      },
      { tls: await optionsOf(server, { authorities, mode }), http2: true },
    )
    return { running, handled, [Symbol.asyncDispose]: () => running.stop({ graceMilliseconds: 0 }) }
  }

  async function isLetIn(running: RunningServer, client: string | null, ...args: string[]): Promise<boolean> {
    const own = client === null ? undefined : clients.get(client)
    const shown = own === undefined ? [] : ['--cert', own.certificate, '--key', own.key]
    const { stdout } = await tryCommand(curl, [
      ...['-sSk', '-m', '10', ...args, ...shown],
      `https://127.0.0.1:${running.port}/${client === null ? 'nobody' : 'somebody'}`,
    ])
    return stdout === 'in'
  }

  const WAYS = [
    ['--http1.1', '--tls-max', '1.2'],
    ['--http1.1'],
    ['--http2', '--tls-max', '1.2'],
    ['--http2'],
  ]

  test('where they are required, those that the authorities have signed for clients let in, over every version', async () => {
    await using server = await serving('require')
    for (const client of ['of the first authority', 'of the second authority', 'without a purpose']) {
      for (const way of WAYS)
        expect([client, way, await isLetIn(server.running, client, ...way)]).toEqual([client, way, true])
    }
  })

  test('nobody else gets through to a handler', async () => {
    await using server = await serving('require')
    for (const client of [null, 'of a stranger', 'for servers', 'that signs itself']) {
      for (const way of WAYS)
        expect([client, way, await isLetIn(server.running, client, ...way)]).toEqual([client, way, false])
    }
    expect(server.handled).toEqual([])
  })

  test('nor does one whose request comes in the same breath as an untrusted certificate, or who resumes a session', async () => {
    await using server = await serving('require')
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const session = await hurriedRequest(server.running, clients.get('of a stranger'), maxVersion)
      await hurriedRequest(server.running, clients.get('of a stranger'), maxVersion, session)
      await hurriedRequest(server.running, undefined, maxVersion, session)
    }
    expect(server.handled).toEqual([])
    await hurriedRequest(server.running, clients.get('of the first authority'), 'TLSv1.3')
    expect(server.handled).toEqual(['/hurried'])
  })

  test('where they are asked for only, everybody gets in, as in Go', async () => {
    await using server = await serving('request')
    for (const client of [null, 'of the first authority', 'of a stranger']) {
      expect([client, await isLetIn(server.running, client)]).toEqual([client, true])
    }
  })
})

/** Sends its request without waiting for what the server makes of its certificate. Gives the session that it was offered. */
async function hurriedRequest(
  running: RunningServer,
  client: MadeCertificate | undefined,
  maxVersion: tls.SecureVersion,
  session?: Buffer,
): Promise<Buffer | undefined> {
  const own =
    client === undefined
      ? {}
      : { cert: await Bun.file(client.certificate).text(), key: await Bun.file(client.key).text() }
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>()
  let offered: Buffer | undefined
  const resumed = session === undefined ? {} : { session }
  const port = running.port ?? 0
  const socket = tls.connect({
    ...own,
    ...resumed,
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion,
  })
  socket.write('GET /hurried HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  socket.on('session', (given: Buffer) => {
    offered = given
  })
  socket.on('error', () => {})
  socket.on('close', () => resolve(offered))
  socket.resume()
  return await promise
}
