/** Names of headers on the wire, for scripts that look for them with `grep`. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Content } from '../lib/content.ts'
import { RawConnection, serveForTest, textReply } from './raw-client.support.ts'
import type { Reply } from './reply.ts'

const HEADERS = { 'docker-content-digest': 'sha256:0', etag: '"0"', 'content-type': 'x/y', 'x-of-mine': '1' }
const SPELLED = ['Content-Type', 'Docker-Content-Digest', 'ETag', 'X-Of-Mine', 'X-Request-Id', 'X-Standing']

/** The names as they came, in the order of the alphabet. */
async function namesOf(method: string, reply: Reply): Promise<string[]> {
  const server = await serveForTest(() => reply, { headers: { 'x-standing': ['yes'] } })
  const connection = new RawConnection({ port: server.port ?? 0 })
  await connection.write(`${method} / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`)
  const [head = ''] = (await connection.closed()).toString('latin1').split('\r\n\r\n')
  await server.stop({ graceMilliseconds: 0 })
  const names = head.split('\r\n').slice(1)
  return names.map((line) => line.slice(0, line.indexOf(':'))).sort()
}

describe("over HTTP/1.1 they are written as registry:2's", () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-names-'))
  writeFileSync(join(folder, 'file'), '0123456789')
  afterAll(() => rmSync(folder, { recursive: true }))
  const bodies: Record<string, Content | null> = {
    'without a body': null,
    'of bytes': textReply(200, 'bytes').body,
    'of a file': { kind: 'file', path: join(folder, 'file'), offset: 0, length: 10 },
    'of a stream': {
      kind: 'stream',
      length: 3,
      async *open() {
        yield new Uint8Array(3)
      },
    },
  }
  test.each(Object.entries(bodies))('%s', async (_, body) => {
    for (const method of ['GET', 'HEAD'])
      expect(await namesOf(method, { status: 200, headers: HEADERS, body })).toEqual(
        expect.arrayContaining(SPELLED),
      )
  })

  test('of a redirect, and of an error without a request', async () => {
    const elsewhere = { kind: 'redirect', location: 'https://elsewhere.example' } as const
    const redirected = await namesOf('GET', { status: 200, headers: HEADERS, body: elsewhere })
    expect(redirected).toEqual(expect.arrayContaining(['Docker-Content-Digest', 'Location', 'X-Standing']))
    const lost = { kind: 'file', path: '/nowhere/at/all', offset: 0, length: 5 } as const
    const failed = await namesOf('GET', { status: 200, headers: {}, body: lost })
    expect(failed).toEqual(expect.arrayContaining(['X-Request-Id', 'X-Standing']))
  })
})

test('over HTTP/2 they are in lower case, as they must be', async () => {
  const server = await serveForTest(() => textReply(200, 'here', HEADERS), { http2: true })
  const curl = Bun.spawn(['curl', '-si', '--http2-prior-knowledge', server.url])
  const answer = await new Response(curl.stdout).text()
  await server.stop({ graceMilliseconds: 0 })
  expect(answer).toContain('docker-content-digest: sha256:0\r\n')
  expect(answer).not.toContain('Docker-Content-Digest')
})
