import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Certified, makeCertificate, privatePem } from '../certificates.ts'
import type { ArrangedServer, Place } from './arranged-server.ts'
import type { Observed } from './observed.ts'
import { statusOf } from './wire.ts'

/** Whose certificate it is, is what other suites look at. */
const client: BunFetchRequestInit = { tls: { rejectUnauthorized: false } }

const authority = await makeCertificate({ name: 'authority', isAuthority: true })
const friend = await makeCertificate({ name: 'friend', issuer: authority })
const stranger = await makeCertificate({ name: 'stranger' })

/** A client that shows its own certificate. */
async function clientOf(who: Certified): Promise<BunFetchRequestInit> {
  return { tls: { rejectUnauthorized: false, cert: who.pem, key: await privatePem(who) }, keepalive: false }
}

/** A certificate that signs itself, with its key. */
async function makeFiles({ folder }: Place): Promise<{ certificate: string; key: string }> {
  const made = await makeCertificate({ name: 'localhost' })
  const [certificate, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  writeFileSync(certificate, made.pem)
  writeFileSync(key, await privatePem(made))
  return { certificate, key }
}

async function tlsSettings(place: Place): Promise<Record<string, unknown>> {
  const { certificate, key } = await makeFiles(place)
  return { 'http.tls.certificate': certificate, 'http.tls.key': key }
}

/** What a handshake agrees on. Rejects where there is none. */
async function shake<T>(
  { place }: ArrangedServer,
  options: ConnectionOptions,
  read: (socket: TLSSocket) => T,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const socket = connect({ host: '127.0.0.1', port: place.port, rejectUnauthorized: false, ...options })
  socket.once('secureConnect', () => resolve(read(socket)))
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('closed before the handshake was over')))
  return await promise.finally(() => socket.destroy())
}

async function answersOverTls(server: ArrangedServer): Promise<void> {
  expect(await statusOf(server, '/v2/')).toBe(200)
  expect(await shake(server, {}, (socket) => socket.getProtocol())).toBe('TLSv1.3')
}

export const TLS: readonly Observed[] = [
  {
    what: 'TLS, the newest only',
    scheme: 'https',
    client,
    settings: async (place) => ({
      ...(await tlsSettings(place)),
      'http.tls.minimumtls': 'tls1.3',
      'http.http2.disabled': true,
    }),
    keys: {
      'http.tls.certificate': answersOverTls,
      'http.tls.key': answersOverTls,
      'http.tls.minimumtls': async (server) => {
        const older = shake(server, { maxVersion: 'TLSv1.2' }, (socket) => socket.getProtocol())
        expect(await older.catch(() => 'refused')).toBe('refused')
      },
      'http.http2.disabled': async (server) => {
        const offer = { ALPNProtocols: ['h2', 'http/1.1'] }
        expect(await shake(server, offer, (socket) => socket.alpnProtocol)).not.toBe('h2')
      },
    },
  },
  {
    what: 'TLS with a cipher of choice',
    scheme: 'https',
    client,
    settings: async (place) => ({
      ...(await tlsSettings(place)),
      'http.tls.ciphersuites': ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
    }),
    keys: {
      'http.tls.ciphersuites': async (server) => {
        const name = shake(server, { maxVersion: 'TLSv1.2' }, (socket) => socket.getCipher().name)
        expect(await name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384')
      },
    },
  },
  {
    what: 'TLS with a certificate that Berth makes',
    scheme: 'https',
    client,
    settings: () => ({ 'berth.tls': 'auto' }),
    keys: { 'berth.tls': answersOverTls },
  },
  {
    what: 'TLS that asks clients for certificates and takes none as well',
    scheme: 'https',
    client,
    settings: async (place) => {
      const files = await tlsSettings(place)
      return {
        ...files,
        'http.tls.clientcas': [files['http.tls.certificate']],
        'http.tls.clientauth': 'request-client-cert',
      }
    },
    keys: {
      'http.tls.clientauth': async (server) => expect(await statusOf(server, '/v2/')).toBe(200),
    },
  },
  {
    what: 'TLS for those alone whom an authority has signed',
    scheme: 'https',
    client: await clientOf(friend),
    settings: async (place) => {
      const path = join(place.folder, 'authority.crt')
      writeFileSync(path, authority.pem)
      return { ...(await tlsSettings(place)), 'http.tls.clientcas': [path] }
    },
    keys: {
      'http.tls.clientcas': async (server) => {
        expect(await statusOf(server, '/v2/')).toBe(200)
        for (const other of [client, await clientOf(stranger)]) {
          const asked = server.ask('/v2/', { ...other, keepalive: false })
          expect(await asked.then(({ status }) => status).catch(() => 'refused')).toBe('refused')
        }
      },
    },
  },
]
