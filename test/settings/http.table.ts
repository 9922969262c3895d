import { expect } from 'bun:test'
import { connect } from 'node:http2'
import { join } from 'node:path'
import type { ArrangedServer } from './arranged-server.ts'
import type { Observed } from './observed.ts'
import { beginUpload, statusOf } from './wire.ts'

function tellsAtItsStop(seconds: number): (server: ArrangedServer) => Promise<void> {
  return async (server) => {
    await server.stop()
    expect(server.stderr()).toContain(`for up to ${seconds} s`)
  }
}

/** Gives the status that HTTP/2 answers without TLS. */
async function askHttp2({ place }: ArrangedServer): Promise<unknown> {
  const session = connect(`http://127.0.0.1:${place.port}`)
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  session.on('error', reject)
  const stream = session.request({ ':path': '/v2/' })
  stream.on('response', (headers) => resolve(headers[':status']))
  stream.end()
  return await promise.finally(() => session.destroy())
}

async function numbers({ place }: ArrangedServer): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${place.otherPort}/numbers`)
  expect(answer.status).toBe(200)
  return await answer.text()
}

async function locationOf(server: ArrangedServer, headers: Record<string, string> = {}): Promise<string> {
  const answer = await server.ask('/images/v2/team/app/blobs/uploads/', { method: 'POST', headers })
  return answer.headers.get('location') ?? ''
}

export const HTTP: readonly Observed[] = [
  {
    what: 'a registry with a name of its own',
    settings: () => ({
      'http.host': 'https://registry.example.com',
      'http.headers': { 'X-Attic': ['yes'] },
      'http.draintimeout': '1500ms',
    }),
    keys: {
      'http.addr': async (server) => expect(await statusOf(server, '/v2/')).toBe(200),
      'http.host': async (server) => {
        const location = (await beginUpload(server)).headers.get('location')
        expect(location).toStartWith('https://registry.example.com/v2/team/app/')
      },
      'http.headers': async (server) => {
        expect((await server.ask('/v2/')).headers.get('x-attic')).toBe('yes')
      },
      'http.draintimeout': tellsAtItsStop(1.5),
    },
  },
  {
    what: 'a registry below a path',
    settings: () => ({
      'http.prefix': '/images/',
      'http.relativeurls': false,
      'http.trustedproxies': ['192.0.2.0/24'],
      'berth.shutdownGrace': '2500ms',
    }),
    keys: {
      'http.prefix': async (server) => {
        expect(await statusOf(server, '/images/v2/')).toBe(200)
        expect(await statusOf(server, '/v2/')).toBe(404)
      },
      'http.relativeurls': async (server) => {
        expect(await locationOf(server)).toStartWith(`http://127.0.0.1:${server.place.port}/images/v2/`)
      },
      // By default loopback is believed.
      'http.trustedproxies': async (server) => {
        expect(await locationOf(server, { 'x-forwarded-proto': 'https' })).toStartWith('http://127.0.0.1')
      },
      'berth.shutdownGrace': tellsAtItsStop(2.5),
    },
  },
  {
    what: 'a socket',
    socket: 'b.sock',
    settings: ({ folder }) => ({ 'http.net': 'unix', 'http.addr': join(folder, 'b.sock') }),
    keys: { 'http.net': async (server) => expect(await statusOf(server, '/v2/')).toBe(200) },
  },
  {
    what: 'a debug server and HTTP/2',
    settings: ({ otherPort }) => ({
      'http.debug.addr': `127.0.0.1:${otherPort}`,
      'http.debug.prometheus.enabled': true,
      'http.debug.prometheus.path': '/numbers',
      'http.h2c.enabled': true,
    }),
    keys: {
      'http.debug.addr': async ({ place }) => {
        expect((await fetch(`http://127.0.0.1:${place.otherPort}/debug/health`)).status).toBe(200)
      },
      'http.debug.prometheus.enabled': async (server) => expect(await numbers(server)).toContain('# TYPE'),
      'http.debug.prometheus.path': async (server) => expect(await numbers(server)).not.toBe(''),
      'http.h2c.enabled': async (server) => expect(await askHttp2(server)).toBe(200),
    },
  },
]
