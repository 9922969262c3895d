/**
 * Digests: the names of content. One is made by parsing text or by hashing bytes, and never otherwise, so
 * whoever holds a Digest need not look at its form again: it is safe in a path, a header and a statement.
 * Image-spec allows other algorithms than the two registered ones; this registry could not verify them.
 */
import { quoted } from '../lib/quoted.ts'
import { RegistryError } from './errors.ts'

/** `algorithm:hex` as image-spec descriptor.md "Digests" defines it; here sha256 or sha512, in lower case. */
export type Digest = string & { readonly kind: 'digest' }

export type DigestAlgorithm = 'sha256' | 'sha512'

const HEX_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }
const LOWER_HEX = /^[0-9a-f]+$/

/** Throws DIGEST_INVALID. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  const algorithm = text.slice(0, Math.max(text.indexOf(':'), 0))
  const wanted = isDigestAlgorithm(algorithm)
    ? `${algorithm}: followed by ${HEX_LENGTHS[algorithm]} lower-case hexadecimal digits`
    : 'sha256: or sha512: followed by lower-case hexadecimal digits'
  throw new RegistryError('DIGEST_INVALID', `${quoted(text)} is not a digest: write ${wanted}.`)
}

export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, Math.max(colon, 0))
  if (!isDigestAlgorithm(algorithm)) return false
  const hex = text.slice(colon + 1)
  return hex.length === HEX_LENGTHS[algorithm] && LOWER_HEX.test(hex)
}

/** Throws DIGEST_INVALID. */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (isDigestAlgorithm(text)) return text
  throw new RegistryError(
    'DIGEST_INVALID',
    `${quoted(text)} is not a digest algorithm that this registry knows: use sha256 or sha512.`,
  )
}

export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return text === 'sha256' || text === 'sha512'
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestFrom(new Bun.CryptoHasher(algorithm).update(bytes), algorithm)
}

/** The digest of what a hasher of that algorithm has seen. The hasher is used up. */
export function digestFrom(hasher: Bun.CryptoHasher, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hasher.digest('hex')}` as Digest
}
