/**
 * `auth.token`: Bearer tokens of an external token server (distribution's "Token Authentication Specification").
 *
 * A token lets in whoever brings it if a trusted key has signed it with an allowed algorithm, and it is from
 * the issuer, for this service, and valid now (a minute of leeway). The key is found by the certificates that
 * the token brings (`x5c`), by the id of the key that it brings (`jwk`), or by an id alone (`kid`), in this
 * order. Invariants: what a token brings is never trusted by itself, only what the registry was given; a public
 * key is never taken for a secret; nothing is not a signature (`none`).
 */
import { decodeProtectedHeader, errors, type JWK, jwtVerify, type ProtectedHeaderParameters } from 'jose'
import type { Log } from '../../observability/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type Asked, type Authenticator, type Challenge, LoginRefused } from '../authenticate.ts'
import { parseBearer } from '../credentials.ts'
import { ANONYMOUS, type Principal } from '../principal.ts'
import { type CredentialKey, RememberedLogins } from '../remembered-logins.ts'
import { findTrustedLeaf } from './certificate-chain.ts'
import { bearerOf } from './claims.ts'
import type { TrustedKey } from './key-index.ts'
import type { KeySource, Trust } from './key-sources.ts'

/** What distribution takes where nobody says. */
export const SAFE_ALGORITHMS: readonly string[] = [
  'EdDSA',
  ...['HS', 'RS', 'ES', 'PS'].flatMap((family) => [256, 384, 512].map((bits) => `${family}${bits}`)),
]

export interface TokenOptions {
  /** A URL, or a path at the registry's own address. */
  readonly realm: string
  readonly service: string
  readonly issuer: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  readonly log: Log
}

const LEEWAY_SECONDS = 60
/** No token is believed longer than this without a look at its signature. */
const REMEMBERED = 5 * 60_000

export class TokenAuthenticator implements Authenticator {
  readonly challenge: Challenge
  readonly #options: TokenOptions
  /** The proof is what was trusted then: other keys, other bearers. */
  readonly #logins = new RememberedLogins<Principal, Trust>()

  constructor(options: TokenOptions) {
    this.challenge = { kind: 'bearer', realm: options.realm, service: options.service }
    this.#options = options
  }

  authenticate(asked: Asked): Principal | Promise<Principal> {
    const header = asked.header('authorization')
    if (header === null || !/^bearer /i.test(header)) return ANONYMOUS
    const key = this.#logins.keyOf(header)
    const login = this.#logins.find(key)
    const isValid = login !== null && this.#logins.isValid(login) && login.proof === this.#options.keys.peek()
    return isValid ? login.who : this.#logIn(header, key)
  }

  reload(): Promise<string | null> {
    return this.#options.keys.reload()
  }

  async #logIn(header: string, key: CredentialKey): Promise<Principal> {
    try {
      const token = parseBearer(header)
      if (token === null) throw new Refused('it is no token')
      return await this.#verify(token, key)
    } catch (error) {
      if (error instanceof RegistryError) throw error
      const reason = reasonOf(error)
      this.#options.log.info({ reason }, 'a token was refused')
      throw new LoginRefused(`The token was refused: ${reason}.`, 'invalid_token')
    }
  }

  async #verify(token: string, remembered: CredentialKey): Promise<Principal> {
    const { issuer, service, algorithms } = this.#options
    const header = decodeProtectedHeader(token)
    if (header.alg === undefined || !algorithms.includes(header.alg)) {
      throw new Refused('it is signed with an algorithm that is not allowed here')
    }
    const { key, trust } = await this.#findKey(header)
    requireFit(header.alg, key)
    const { payload } = await jwtVerify(token, key, {
      issuer,
      audience: service,
      algorithms: [header.alg],
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ['exp'],
    })
    const principal = bearerOf(payload)
    if (principal === null) throw new Refused('its access is not written as the specification says')
    const left = ((payload.exp ?? 0) + LEEWAY_SECONDS) * 1000 - Date.now()
    this.#logins.remember(remembered, principal, trust, Math.min(left, REMEMBERED))
    return principal
  }

  /** Throws Refused; UNAVAILABLE where no key has been had yet. */
  async #findKey(
    header: ProtectedHeaderParameters,
  ): Promise<{ readonly key: TrustedKey; readonly trust: Trust }> {
    const trust = await this.#trusted((keys) => keys.trust())
    const key = keyIn(trust, header)
    if (key !== null) return { key, trust }
    const newer = await this.#trusted((keys) => keys.trustAnew())
    const newKey = newer === trust ? null : keyIn(newer, header)
    if (newKey === null) throw new Refused('it is not signed by a key that this registry trusts')
    return { key: newKey, trust: newer }
  }

  async #trusted(ask: (keys: KeySource) => Promise<Trust>): Promise<Trust> {
    try {
      return await ask(this.#options.keys)
    } catch (error) {
      this.#options.log.error({ error }, 'no token can be checked: there are no keys to check them with')
      throw new RegistryError(
        'UNAVAILABLE',
        'The registry cannot get the keys of its token server now. Ask its operator, whose log says why.',
      )
    }
  }
}

/** The message is half a sentence: why. */
class Refused extends Error {
  override readonly name = 'Refused'
}

/**
 * The trusted key that a token's header points at. Of a key in the header (`jwk`) nothing is taken but its id:
 * distribution once verified with that key itself, and took every forger's word (CVE-2025-24976).
 */
function keyIn(trust: Trust, { x5c, jwk, kid }: ProtectedHeaderParameters): TrustedKey | null {
  const chain = x5c ?? jwk?.x5c
  if (chain !== undefined) return keyOfChain(trust, chain)
  const id = jwk === undefined ? kid : jwk.kid
  return typeof id === 'string' ? (trust.keys.get(id) ?? null) : null
}

function keyOfChain({ roots }: Trust, chain: unknown): TrustedKey | null {
  if (!Array.isArray(chain) || !chain.every((each) => typeof each === 'string')) return null
  const leaf = findTrustedLeaf(chain, roots, new Date())
  return leaf === null ? null : (leaf.publicKey.export({ format: 'jwk' }) as JWK)
}

const KEY_TYPES: Readonly<Record<string, string>> = { HS: 'oct', RS: 'RSA', PS: 'RSA', ES: 'EC', Ed: 'OKP' }

/** A token that says HS256 and names a public key would else be "signed" with what everybody knows. */
function requireFit(algorithm: string, key: TrustedKey): void {
  const fits =
    key.kty === KEY_TYPES[algorithm.slice(0, 2)] && (key.alg === undefined || key.alg === algorithm)
  if (!fits) throw new Refused('its algorithm is not that of its key')
}

const CLAIMS: Readonly<Record<string, string>> = {
  iss: 'it is not from the issuer that this registry trusts',
  aud: 'it is not for this registry',
  nbf: 'it is not valid yet',
  exp: 'it does not say until when it is valid',
}

function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.message
  if (error instanceof errors.JWTExpired) return 'it has expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    return CLAIMS[error.claim] ?? `its ${JSON.stringify(error.claim)} is not valid`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong'
  return 'it cannot be read or checked'
}
