/**
 * Trusted keys by the ids that tokens call them by: the `kid` that a key set gives, the RFC 7638 thumbprint
 * (distribution v3) and the id of libtrust (distribution v2 and the token servers written for it).
 */
import { createHash, createPublicKey } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'

/** A public key, or a secret for HS256 and its like. Never a private key. */
export type TrustedKey = JWK

export type KeyIndex = ReadonlyMap<string, TrustedKey>

/**
 * Of several keys with one id the first counts, so that none can take another's place by its thumbprint. Keys of a kind
 * that is not known here, or that lack what they need, are passed over (RFC 7517 §5), for the others are none the worse.
 */
export async function indexKeys(keys: readonly JWK[]): Promise<KeyIndex> {
  const signing = keys.filter((key) => key.use !== 'enc').map(withoutPrivateParts)
  const usable = (await Promise.all(signing.map(findIds))).filter((each) => each !== null)
  const index = new Map<string, TrustedKey>()
  const add = (id: string, key: TrustedKey) => {
    if (!index.has(id)) index.set(id, key)
  }
  for (const { key } of usable) if (key.kid !== undefined && key.kid !== '') add(key.kid, key)
  for (const { key, computed } of usable) for (const id of computed) add(id, key)
  return index
}

/** The ids that follow from the key itself; null for a key that cannot be used. */
async function findIds(
  key: TrustedKey,
): Promise<{ readonly key: TrustedKey; readonly computed: readonly string[] } | null> {
  try {
    const thumbprint = await calculateJwkThumbprint(key)
    return { key, computed: key.kty === 'oct' ? [thumbprint] : [thumbprint, libtrustId(key)] }
  } catch {
    return null
  }
}

/** Whoever publishes a whole key pair is not made to sign with it. */
function withoutPrivateParts(key: JWK): TrustedKey {
  const { d, p, q, dp, dq, qi, oth, ...rest } = key as JWK & Record<string, unknown>
  return rest as TrustedKey
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const LIBTRUST_BYTES = 30

/** `ABCD:EFGH:…`, twelve groups: the first 240 bits of the SHA-256 of the key's DER, in Base32 (libtrust, "Key ID"). */
export function libtrustId(key: JWK): string {
  const der = createPublicKey({ key: key as Record<string, unknown>, format: 'jwk' }).export({
    type: 'spki',
    format: 'der',
  })
  const hash = createHash('sha256').update(der).digest().subarray(0, LIBTRUST_BYTES)
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const text = (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join('')
  return (text.match(/.{4}/g) ?? []).join(':')
}
