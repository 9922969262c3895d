/** Certificates for tests, made in memory: authorities, what they issue, and what nobody should have issued. */
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { exportJWK, exportPKCS8, type JWK } from 'jose'

/** As WebCrypto names them. */
export const KEY_KINDS = {
  RSA: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  'RSA with SHA-1': {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-1',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  Ed25519: { name: 'Ed25519' },
} as const
export type KeyKind = keyof typeof KEY_KINDS

export interface Certified {
  readonly name: string
  readonly pem: string
  /** As `x5c` has it. */
  readonly base64: string
  readonly keys: CryptoKeyPair
  readonly kind: KeyKind
}

export interface CertificateWish {
  readonly name: string
  /** Who signs it; itself unless given. */
  readonly issuer?: Certified
  readonly kind?: KeyKind
  readonly isAuthority?: boolean
  /** The address of the server that shows it; none unless given. */
  readonly address?: string
  /** How many authorities may stand between it and a leaf. */
  readonly pathLength?: number
  /** Seconds from now. */
  readonly validFrom?: number
  readonly validUntil?: number
  /** An extension that nobody knows, and that must be understood. */
  readonly isStrange?: boolean
}

const HOUR = 3600

export async function makeCertificate(wish: CertificateWish): Promise<Certified> {
  const { name, issuer, kind = 'P-256', validFrom = -HOUR, validUntil = HOUR } = wish
  const keys = await makeKeys(kind)
  const signer = issuer ?? { name, keys, kind }
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${signer.name}`,
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: KEY_KINDS[signer.kind],
    notBefore: new Date(Date.now() + validFrom * 1000),
    notAfter: new Date(Date.now() + validUntil * 1000),
    serialNumber: crypto.randomUUID().replaceAll('-', ''),
    extensions: extensionsOf(wish),
  })
  const base64 = Buffer.from(certificate.rawData).toString('base64')
  return { name, pem: `${certificate.toString('pem')}\n`, base64, keys, kind }
}

async function makeKeys(kind: KeyKind): Promise<CryptoKeyPair> {
  const keys = await crypto.subtle.generateKey(KEY_KINDS[kind], true, ['sign', 'verify'])
  if (!('privateKey' in keys)) throw new Error(`${kind} has no pair of keys`)
  return keys
}

export function publicJwk({ keys }: Pick<Certified, 'keys'>): Promise<JWK> {
  return exportJWK(keys.publicKey)
}

export function privatePem({ keys }: Pick<Certified, 'keys'>): Promise<string> {
  return exportPKCS8(keys.privateKey)
}

function extensionsOf({
  isAuthority = false,
  pathLength,
  address,
  isStrange = false,
}: CertificateWish): Extension[] {
  const usage = isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature
  return [
    new BasicConstraintsExtension(isAuthority, pathLength, true),
    new KeyUsagesExtension(usage, true),
    ...(address === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: 'ip', value: address }])]),
    ...(isStrange ? [new Extension('1.2.3.4.5', true, new Uint8Array([5, 0]))] : []),
  ]
}
