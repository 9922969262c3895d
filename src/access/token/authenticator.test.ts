/** Which tokens let somebody in, and each way in which one does not (distribution's token specification, RFC 7519, RFC 7515). */
import { beforeEach, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { type Certified, makeCertificate, publicJwk } from '../../../test/certificates.ts'
import { until } from '../../../test/until.ts'
import { createLog } from '../../observability/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { LoginRefused } from '../authenticate.ts'
import { can } from '../authorize.ts'
import { ANONYMOUS, type Principal } from '../principal.ts'
import { SAFE_ALGORITHMS, TokenAuthenticator } from './authenticator.ts'
import { libtrustId } from './key-index.ts'
import { type KeySource, parseKeySet, parseRootBundle, type Trust } from './key-sources.ts'

const SERVICE = 'registry.example'
const ISSUER = 'auth.example'
const root = await makeCertificate({ name: 'root', isAuthority: true })
const leaf = await makeCertificate({ name: 'leaf', issuer: root })
const stranger = await makeCertificate({ name: 'stranger' })
const rootKey = await publicJwk(root)
const secret = { kty: 'oct', k: Buffer.from('a secret of the token server, and ours').toString('base64url') }

/** Trusted keys that a test may change. */
class Keys implements KeySource {
  now: Trust
  next: Trust | Error | null = null
  constructor(now: Trust) {
    this.now = now
  }
  trust = async () => this.now
  peek = () => this.now
  reload = async () => null
  async trustAnew() {
    if (this.next instanceof Error) throw this.next
    if (this.next !== null) this.now = this.next
    return this.now
  }
}

const keySet = (keys: readonly JWK[]) => parseKeySet(JSON.stringify({ keys }))

let keys: Keys
let way: TokenAuthenticator
let lines: string[] = []

beforeEach(async () => {
  lines = []
  use(await parseRootBundle(root.pem))
})

function use(trust: Trust, algorithms: readonly string[] = SAFE_ALGORITHMS): void {
  keys = new Keys(trust)
  const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
  way = new TokenAuthenticator({ realm: 'x', service: SERVICE, issuer: ISSUER, keys, algorithms, log })
}

const seconds = () => Math.floor(Date.now() / 1000)

function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const access = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }]
  const now = seconds()
  return {
    iss: ISSUER,
    aud: SERVICE,
    sub: 'alice',
    nbf: now,
    iat: now,
    exp: now + 300,
    jti: 'x',
    access,
    ...changes,
  }
}

type Header = Record<string, unknown>

function sign(
  key: CryptoKey | Uint8Array,
  header: Header,
  changes: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims(changes)).setProtectedHeader({ alg: 'ES256', ...header }).sign(key)
}

/** Signed by the root itself, and named so that it is found. */
function good(changes: Record<string, unknown> = {}, header: Header = {}): Promise<string> {
  return sign(root.keys.privateKey, { kid: libtrustId(rootKey), ...header }, changes)
}

function logIn(token: string, scheme = 'Bearer'): Promise<Principal> {
  return Promise.resolve(way.authenticate({ header: () => `${scheme} ${token}`, remoteAddress: null }))
}

async function expectRefused(token: string, why: string | RegExp): Promise<void> {
  const refusal = await logIn(token).catch((error) => error)
  expect(refusal).toBeInstanceOf(LoginRefused)
  expect(refusal.problem).toBe('invalid_token')
  expect(refusal.message).toMatch(why)
}

describe('the key is found by', () => {
  test('the certificates that the token brings', async () => {
    const token = await sign(leaf.keys.privateKey, { x5c: [leaf.base64] })
    expect(await logIn(token)).toMatchObject({ kind: 'token', name: 'alice' })
  })

  test('the id that libtrust gives the key of a root', async () => {
    expect(libtrustId(rootKey)).toMatch(/^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/)
    expect(await logIn(await good())).toMatchObject({ name: 'alice' })
  })

  test('the thumbprint of the key of a root (RFC 7638)', async () => {
    const [, thumbprint] = [...(await parseRootBundle(root.pem)).keys.keys()].toSorted(
      (a, b) => b.length - a.length,
    )
    expect(thumbprint).toMatch(/^[\w-]{43}$/)
    expect(await logIn(await good({}, { kid: thumbprint }))).toMatchObject({ name: 'alice' })
  })

  test('the id that a key set gives, or would give', async () => {
    use(await keySet([{ ...rootKey, kid: 'main', use: 'sig', alg: 'ES256' }]))
    for (const kid of ['main', libtrustId(rootKey)]) {
      expect(await logIn(await good({}, { kid }))).toMatchObject({ name: 'alice' })
    }
  })

  test('the id of a key that the token brings, if that is trusted, and by its certificates', async () => {
    const jwk = { ...rootKey, kid: libtrustId(rootKey) }
    expect(await logIn(await sign(root.keys.privateKey, { jwk }))).toMatchObject({ name: 'alice' })
    const chained = { ...(await publicJwk(leaf)), x5c: [leaf.base64] }
    expect(await logIn(await sign(leaf.keys.privateKey, { jwk: chained }))).toMatchObject({ name: 'alice' })
  })
})

describe('keys', () => {
  test.each([
    ['RS256', 'RSA'],
    ['RS384', 'RSA'],
    ['RS512', 'RSA'],
    ['PS256', 'RSA'],
    ['PS384', 'RSA'],
    ['PS512', 'RSA'],
    ['ES256', 'EC'],
    ['ES384', 'EC'],
    ['ES512', 'EC'],
    ['EdDSA', 'OKP'],
  ])('of %s are taken', async (alg) => {
    const pair = await generateKeyPair(alg, { extractable: true })
    use(await keySet([{ ...(await exportJWK(pair.publicKey)), kid: 'k' }]))
    expect(await logIn(await sign(pair.privateKey, { alg, kid: 'k' }))).toMatchObject({ name: 'alice' })
  })

  test.each(['HS256', 'HS384', 'HS512'])('of %s are taken', async (alg) => {
    const shared = { ...secret, k: Buffer.alloc(64, 7).toString('base64url') }
    use(await keySet([{ ...shared, kid: 'k' }]))
    expect(await logIn(await sign(Buffer.alloc(64, 7), { alg, kid: 'k' }))).toMatchObject({ name: 'alice' })
  })

  test('whose private part is published too are used as public ones', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    use(await keySet([{ ...(await exportJWK(pair.privateKey)), kid: 'k' }]))
    expect(await logIn(await sign(pair.privateKey, { kid: 'k' }))).toMatchObject({ name: 'alice' })
  })

  test('that are new are asked for once, when a token names one', async () => {
    use(await keySet([]))
    keys.next = await parseRootBundle(root.pem)
    expect(await logIn(await good())).toMatchObject({ name: 'alice' })
  })

  test('that are gone let nobody in any more, also not who was in', async () => {
    const token = await good()
    await logIn(token)
    expect(way.authenticate({ header: () => `Bearer ${token}`, remoteAddress: null })).not.toBeInstanceOf(
      Promise,
    )
    keys.now = await keySet([])
    await expectRefused(token, 'not signed by a key that this registry trusts')
  })

  test('that cannot be had are not the token’s fault', async () => {
    use(await keySet([]))
    keys.next = new Error('connection refused')
    const refusal = await logIn(await good()).catch((error) => error)
    expect(refusal).toBeInstanceOf(RegistryError)
    expect(refusal.code).toBe('UNAVAILABLE')
    expect(lines.join()).toContain('connection refused')
  })
})

describe('it is refused', () => {
  test.each([
    ['its key is nobody’s', async () => sign(stranger.keys.privateKey, { kid: 'x' }), 'not signed by a key'],
    ['it names no key', async () => sign(root.keys.privateKey, {}), 'not signed by a key'],
    [
      'its key is not the one that it names',
      async () => sign(stranger.keys.privateKey, { kid: libtrustId(rootKey) }),
      'signature is wrong',
    ],
    [
      'it brings a key of its own under a trusted id (CVE-2025-24976)',
      async () =>
        sign(stranger.keys.privateKey, { jwk: { ...(await publicJwk(stranger)), kid: libtrustId(rootKey) } }),
      'signature is wrong',
    ],
    [
      'it brings a key of its own',
      async () => sign(stranger.keys.privateKey, { jwk: await publicJwk(stranger) }),
      'not signed by a key',
    ],
    [
      'it brings a stranger’s certificate',
      async () => sign(stranger.keys.privateKey, { x5c: [stranger.base64] }),
      'not signed by a key',
    ],
    [
      'it brings a trusted certificate whose key it does not have',
      async () => sign(stranger.keys.privateKey, { x5c: [leaf.base64] }),
      'signature is wrong',
    ],
    [
      'it names a trusted key beside certificates that are not',
      async () => sign(root.keys.privateKey, { x5c: [stranger.base64], kid: libtrustId(rootKey) }),
      'not signed by a key',
    ],
    [
      'its certificates are no list',
      async () => sign(root.keys.privateKey, { x5c: 'x' }),
      'not signed by a key',
    ],
    [
      'it takes the public key for a secret',
      async () => sign(new TextEncoder().encode(root.pem), { alg: 'HS256', kid: libtrustId(rootKey) }),
      'algorithm is not that of its key',
    ],
    [
      'its algorithm is none',
      async () => new UnsecuredJWT(claims()).encode(),
      'algorithm that is not allowed',
    ],
    ['it is of another issuer', () => good({ iss: 'other' }), 'not from the issuer'],
    ['it is of no issuer', () => good({ iss: undefined }), 'not from the issuer'],
    ['it is for another service', () => good({ aud: 'other' }), 'not for this registry'],
    ['it is for other services', () => good({ aud: ['other', 'others'] }), 'not for this registry'],
    ['it is for nobody', () => good({ aud: undefined }), 'not for this registry'],
    ['it is over for more than a minute', () => good({ exp: seconds() - 65 }), 'has expired'],
    ['it never ends', () => good({ exp: undefined }), 'until when'],
    ['it begins in more than a minute', () => good({ nbf: seconds() + 65 }), 'not valid yet'],
    ['its access is no list', () => good({ access: 'all' }), 'access is not written'],
    [
      'its access has no actions',
      () => good({ access: [{ type: 'repository', name: 'a' }] }),
      'access is not written',
    ],
    ['its name has controls', () => good({ sub: 'a\nb' }), 'access is not written'],
  ])('where %s', async (_, token: () => Promise<string>, why) => expectRefused(await token(), why))

  test('where its algorithm is not among those allowed', async () => {
    use(await parseRootBundle(root.pem), ['RS256'])
    await expectRefused(await good(), 'algorithm that is not allowed')
  })

  test('where its key is for another algorithm, or for encryption', async () => {
    use(await keySet([{ ...rootKey, kid: 'k', alg: 'ES384' }]))
    await expectRefused(await good({}, { kid: 'k' }), 'algorithm is not that of its key')
    const another = await publicJwk(await makeCertificate({ name: 'another' }))
    use(await keySet([{ ...rootKey, kid: 'k', use: 'enc' }, another]))
    await expectRefused(await good({}, { kid: 'k' }), 'not signed by a key')
  })

  test('where a byte of it is another, whichever', async () => {
    const token = await good()
    const positions = fc.nat(token.length - 1)
    await fc.assert(
      fc.asyncProperty(positions, fc.constantFrom(...'Aa0_-.'), async (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1)
        if (isSameSignature(changed, token)) return
        await expect(logIn(changed)).rejects.toThrow(LoginRefused)
      }),
    )
  })

  test('whatever it is, and never with an error of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.base64String(), { maxLength: 4 }), async (parts) => {
        await expect(logIn(parts.join('.'))).rejects.toThrow(LoginRefused)
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.json(), async (header, payload) => {
        const parts = [header, payload, 'x'].map((part) => Buffer.from(part).toString('base64url'))
        await expect(logIn(parts.join('.'))).rejects.toThrow(LoginRefused)
      }),
    )
  })

  test('and the log says why, without the token', async () => {
    const token = await good({ exp: seconds() - 100 })
    await logIn(token).catch(() => {})
    expect(lines.join()).toContain('it has expired')
    expect(lines.join()).not.toContain(token.slice(-20))
  })
})

describe('its words are read', () => {
  test('with a minute of leeway on both sides', async () => {
    const now = seconds()
    expect(await logIn(await good({ exp: now - 50 }))).toMatchObject({ name: 'alice' })
    expect(await logIn(await good({ nbf: now + 50 }))).toMatchObject({ name: 'alice' })
  })

  test('where the service is one of a list, and where there is no beginning', async () => {
    expect(await logIn(await good({ aud: ['other', SERVICE], nbf: undefined }))).toMatchObject({
      name: 'alice',
    })
  })

  test('without a name as anonymous, and without access as none', async () => {
    for (const access of [[], null, undefined]) {
      const principal = await logIn(await good({ sub: '', access }))
      expect(principal).toEqual({ kind: 'token', name: 'anonymous', grants: new Map() })
    }
  })

  test('as exactly what they grant, together where a resource stands twice', async () => {
    const access = [
      { type: 'repository', name: 'a', actions: ['pull'] },
      { type: 'repository', class: 'image', name: 'a', actions: ['delete'] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ]
    const principal = await logIn(await good({ access }))
    expect(['pull', 'push', 'delete'].map((each) => can(principal, each as 'pull', 'a' as never))).toEqual([
      true,
      false,
      true,
    ])
    expect(can(principal, 'list', null)).toBe(true)
  })

  test('under any spelling of the scheme; another scheme is no token', async () => {
    expect(await logIn(await good(), 'bearer')).toMatchObject({ name: 'alice' })
    expect(await logIn('YTpi', 'Basic')).toBe(ANONYMOUS)
  })

  test('once: the next request with it waits for nothing, until it is over', async () => {
    const token = await good({ exp: seconds() - 59 })
    await logIn(token)
    const isKnown = () => {
      const answer = way.authenticate({ header: () => `Bearer ${token}`, remoteAddress: null })
      if (answer instanceof Promise) answer.catch(() => {})
      return !(answer instanceof Promise)
    }
    expect(isKnown()).toBe(true)
    await until('it is over', () => !isKnown())
    await expectRefused(token, 'has expired')
  })
})

/** The last letter of the signature has bits that nothing reads. */
function isSameSignature(changed: string, token: string): boolean {
  const [start, signature] = [
    token.slice(0, token.lastIndexOf('.') + 1),
    token.slice(token.lastIndexOf('.') + 1),
  ]
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  return changed.startsWith(start) && bytes(changed.slice(start.length)).equals(bytes(signature))
}

test('certificates of any kind of key vouch for tokens', async () => {
  const kinds: [Certified, string][] = [
    [await makeCertificate({ name: 'rsa', kind: 'RSA' }), 'RS256'],
    [await makeCertificate({ name: 'ed', kind: 'Ed25519' }), 'EdDSA'],
    [await makeCertificate({ name: 'p384', kind: 'P-384' }), 'ES384'],
  ]
  for (const [certificate, alg] of kinds) {
    use(await parseRootBundle(certificate.pem))
    const kid = libtrustId(await publicJwk(certificate))
    for (const header of [{ kid }, { x5c: [certificate.base64] }]) {
      expect(await logIn(await sign(certificate.keys.privateKey, { alg, ...header }))).toMatchObject({
        name: 'alice',
      })
    }
  }
})
