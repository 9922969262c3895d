import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeSelfSigned } from '../../test/certificate-files.ts'
import { commandBytes } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { readContent } from './outgoing-body.ts'
import { parseResponse, serveForTest } from './raw-client.support.ts'

/** More than the kernel holds between a server and a client that does not read. */
const LENGTH = 16 * 1024 * 1024
const words = Uint32Array.from({ length: LENGTH / 4 }, (_, index) => Math.imul(index, 0x9e3779b9))
const bytes = Buffer.from(words.buffer)

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-body-'))
  path = join(folder, 'file')
  await writeFile(path, bytes)
})
afterAll(() => rm(folder, { recursive: true }))

test('every chunk of a file reaches a slow client as it was, although the next one takes its room', async () => {
  const content = { kind: 'file', path, offset: 0, length: LENGTH } as const
  const server = await serveForTest(() => ({
    status: 200,
    headers: {},
    body: { kind: 'stream', length: LENGTH, open: () => readContent(content) },
  }))
  const response = parseResponse(await readSlowly(server.port ?? 0))
  expect([response.status, response.isWhole]).toEqual([200, true])
  expect(response.body.equals(bytes)).toBe(true)
  await server.stop({ graceMilliseconds: 1000 })
})

describeWith('over TLS', ['openssl', 'curl'], ({ openssl, curl }) => {
  test.each(['--http1.1', '--http2'])(
    'every chunk of a file reaches a slow client as it was, with %s',
    async (version) => {
      const made = await makeSelfSigned(openssl, folder, { name: version })
      const [certificate, key] = await Promise.all(
        [made.certificate, made.key].map((file) => Bun.file(file).text()),
      )
      const content = { kind: 'file', path, offset: 0, length: LENGTH } as const
      const server = await serveForTest(
        () => ({
          status: 200,
          headers: {},
          body: { kind: 'stream', length: LENGTH, open: () => readContent(content) },
        }),
        {
          tls: {
            certificate: certificate ?? '',
            key: key ?? '',
            client: null,
            minimumVersion: 'tls1.2',
            cipherSuites: null,
          },
          http2: true,
        },
      )
      const address = `https://127.0.0.1:${server.port}/`
      const received = await commandBytes(curl, ['-sSk', version, '--limit-rate', '10M', address])
      expect(bytes.equals(received)).toBe(true)
      await server.stop({ graceMilliseconds: 1000 })
    },
  )
})

/** Rests after whatever came, so that the server always has more than the kernel takes. */
function readSlowly(port: number): Promise<Buffer> {
  const received: Buffer[] = []
  const socket = net.connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(received)))
    socket.on('data', (part: Buffer) => {
      received.push(part)
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    })
  })
}
