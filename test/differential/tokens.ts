/** Tokens of a server that both registries trust: one that opens something, and what is wrong with others. */
import { SignJWT } from 'jose'
import { makeCertificate } from '../certificates.ts'

export const TOKEN_AUTH = {
  realm: 'https://auth.example.com/token',
  service: 'the registry',
  issuer: 'auth.example.com',
} as const

/** Whom they trust, and who signs. */
export const ROOT = await makeCertificate({ name: 'root', isAuthority: true })
const leaf = await makeCertificate({ name: 'leaf', issuer: ROOT })
const stranger = await makeCertificate({ name: 'stranger' })

const NOW = Math.floor(Date.now() / 1000)
const HOUR = 3600

function access(...actions: readonly string[]): object[] {
  return [{ type: 'repository', name: 't/app', actions }]
}

const CLAIMS = {
  iss: TOKEN_AUTH.issuer,
  aud: TOKEN_AUTH.service,
  sub: 'ann',
  nbf: NOW - HOUR,
  iat: NOW - HOUR,
  exp: NOW + HOUR,
  jti: 'one of many',
}

/** What they say, beside or instead of the usual. */
const TOKENS: Readonly<Record<string, object>> = {
  nothing: { access: [] },
  pull: { access: access('pull') },
  push: { access: access('pull', 'push') },
  all: { access: access('pull', 'push', 'delete') },
  catalog: { access: [{ type: 'registry', name: 'catalog', actions: ['*'] }] },
  other: { access: [{ type: 'repository', name: 't/other', actions: ['pull', 'push'] }] },
  expired: { access: access('pull'), exp: NOW - HOUR / 2 },
  early: { access: access('pull'), nbf: NOW + HOUR / 2 },
  'other-issuer': { access: access('pull'), iss: 'somebody else' },
  'other-service': { access: access('pull'), aud: 'another registry' },
}

const SIGNED = new Map<string, string>()
for (const [name, claims] of Object.entries(TOKENS)) {
  SIGNED.set(name, await sign(claims, leaf.keys.privateKey, leaf.base64))
}
SIGNED.set('forged', await sign({ access: access('pull') }, stranger.keys.privateKey, leaf.base64))
SIGNED.set('stranger', await sign({ access: access('pull') }, stranger.keys.privateKey, stranger.base64))

function sign(claims: object, key: CryptoKey, certificate: string): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: [certificate] })
    .sign(key)
}

/** Throws for a name that stands for none. */
export function tokenOf(name: string): string {
  const token = SIGNED.get(name)
  if (token === undefined) throw new Error(`No token is called ${name} in tokens.ts.`)
  return token
}
