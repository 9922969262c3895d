import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type JWTHeaderParameters, SignJWT } from 'jose'
import { type Certified, makeCertificate, publicJwk } from '../certificates.ts'
import type { ArrangedServer, Place } from './arranged-server.ts'
import type { Observed } from './observed.ts'
import { statusOf } from './wire.ts'

async function challenge(server: ArrangedServer): Promise<string> {
  const answer = await server.ask('/v2/')
  expect(answer.status).toBe(401)
  return answer.headers.get('www-authenticate') ?? ''
}

function basic(user: string, password: string): BunFetchRequestInit {
  return { headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` } }
}

const REALM = 'https://tokens.example.com/token'
const [SERVICE, ISSUER] = ['attic', 'tokens.example.com']

const signer = await makeCertificate({ name: 'signer' })
const other = await makeCertificate({ name: 'other', kind: 'P-384' })

interface Wish {
  readonly by?: Certified
  readonly alg?: string
  readonly header?: Partial<JWTHeaderParameters>
  readonly issuer?: string
  readonly audience?: string
}

/** The status that a token gets. */
async function withToken(server: ArrangedServer, wish: Wish = {}): Promise<number> {
  const { by = signer, alg = 'ES256', header = {}, issuer = ISSUER, audience = SERVICE } = wish
  const jwk = await publicJwk(by)
  const token = await new SignJWT({ access: [] })
    .setProtectedHeader({
      alg,
      kid: by.name,
      ...header,
      ...('x5c' in header ? { kid: undefined } : {}),
    } as never)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('5m')
    .setJti(`${jwk.x}`)
    .sign(by.keys.privateKey)
  return await statusOf(server, '/v2/', { headers: { authorization: `Bearer ${token}` } })
}

async function keySet({ folder }: Place): Promise<string> {
  const file = join(folder, 'keys.json')
  const keys = [
    { ...(await publicJwk(signer)), kid: signer.name, alg: 'ES256', use: 'sig' },
    { ...(await publicJwk(other)), kid: other.name, alg: 'ES384', use: 'sig' },
  ]
  writeFileSync(file, JSON.stringify({ keys }))
  return file
}

const TOKEN = { 'auth.token.service': SERVICE, 'auth.token.issuer': ISSUER }

export const AUTH: readonly Observed[] = [
  {
    what: 'no login',
    settings: () => ({ 'auth.none': {} }),
    keys: { 'auth.none': async (server) => expect(await statusOf(server, '/v2/')).toBe(200) },
  },
  {
    what: 'any login',
    settings: () => ({ 'auth.silly.realm': 'the attic', 'auth.silly.service': SERVICE }),
    keys: {
      'auth.silly.realm': async (server) => expect(await challenge(server)).toContain('realm="the attic"'),
      'auth.silly.service': async (server) => expect(await challenge(server)).toContain('service="attic"'),
    },
  },
  {
    what: 'a file of passwords',
    settings: async ({ folder }) => {
      const path = join(folder, 'htpasswd')
      const hash = await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })
      writeFileSync(path, `alice:${hash}\n`)
      return { 'auth.htpasswd.realm': 'the attic', 'auth.htpasswd.path': path }
    },
    keys: {
      'auth.htpasswd.realm': async (server) => expect(await challenge(server)).toContain('realm="the attic"'),
      'auth.htpasswd.path': async (server) => {
        expect(await statusOf(server, '/v2/', basic('alice', 'secret'))).toBe(200)
        expect(await statusOf(server, '/v2/', basic('alice', 'guessed'))).toBe(401)
      },
    },
  },
  {
    what: 'tokens with keys of a set',
    settings: async (place) => ({
      ...TOKEN,
      'auth.token.realm': REALM,
      'auth.token.jwks': await keySet(place),
      'auth.token.signingalgorithms': ['ES256'],
    }),
    keys: {
      'auth.token.realm': async (server) => expect(await challenge(server)).toContain(`realm="${REALM}"`),
      'auth.token.service': async (server) => {
        expect(await challenge(server)).toContain(`service="${SERVICE}"`)
        expect(await withToken(server, { audience: 'cellar' })).toBe(401)
      },
      'auth.token.issuer': async (server) => {
        expect(await withToken(server, { issuer: 'somebody.example.com' })).toBe(401)
      },
      'auth.token.jwks': async (server) => expect(await withToken(server)).toBe(200),
      'auth.token.signingalgorithms': async (server) => {
        expect(await withToken(server, { by: other, alg: 'ES384' })).toBe(401)
      },
    },
  },
  {
    what: 'tokens with certificates, from this very address',
    settings: ({ folder }) => {
      const bundle = join(folder, 'bundle.pem')
      writeFileSync(bundle, signer.pem)
      return {
        ...TOKEN,
        'auth.token.rootcertbundle': bundle,
        'auth.token.autoredirect': true,
        'auth.token.autoredirectpath': '/tokens',
      }
    },
    keys: {
      'auth.token.rootcertbundle': async (server) => {
        expect(await withToken(server, { header: { x5c: [signer.base64] } })).toBe(200)
        expect(await withToken(server, { by: other, alg: 'ES384', header: { x5c: [other.base64] } })).toBe(
          401,
        )
      },
      'auth.token.autoredirect': async (server) => {
        expect(await challenge(server)).toContain(`realm="https://127.0.0.1:${server.place.port}/`)
      },
      'auth.token.autoredirectpath': async (server) => expect(await challenge(server)).toContain('/tokens"'),
    },
  },
]
