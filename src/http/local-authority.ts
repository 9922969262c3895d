/**
 * A certificate authority for one machine: its own certificate, and those that it signs for a server there. Pure
 * values; where they are kept is others' affair. Whoever trusts the authority trusts whoever has its key.
 */
import 'reflect-metadata' // What the certificates' library needs, and does not bring.
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** PEM texts. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

const DAY = 86_400_000
/** Trust is given by hand on every machine: nobody wants to do that each year. */
const AUTHORITY_DAYS = 3650
/** What clients of today take at the most is 398. */
const SERVER_DAYS = 365
/** Machines' clocks differ. */
const EARLIER = 3_600_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** `name` is what people read where they look at whom they trust. */
export async function createAuthority(name: string, now: Date): Promise<Credentials> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${escaped(name)}`,
    ...validity(now, AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return credentials(certificate, keys)
}

/** A server's certificate for these host names and addresses; the first is its common name. */
export async function issueCertificate(
  authority: Credentials,
  names: readonly string[],
  now: Date,
): Promise<Credentials> {
  const issuer = new X509Certificate(authority.certificate)
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${escaped(names[0] ?? 'berth')}`,
    issuer: issuer.subjectName,
    ...validity(now, SERVER_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: await serverExtensions(issuer, keys, names),
  })
  return credentials(certificate, keys)
}

async function serverExtensions(
  issuer: X509Certificate,
  keys: CryptoKeyPair,
  names: readonly string[],
): Promise<Extension[]> {
  const alternatives = names.map((name) => ({
    type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const),
    value: name,
  }))
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(alternatives),
    await AuthorityKeyIdentifierExtension.create(issuer),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
  ]
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function validity(now: Date, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return {
    notBefore: new Date(now.getTime() - EARLIER),
    notAfter: new Date(now.getTime() + days * DAY),
  }
}

/** A positive number that nobody can foretell (RFC 5280 §4.1.2.2), in hexadecimal digits. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toHex()
}

/** In a distinguished name some characters separate (RFC 4514 §2.4). */
function escaped(name: string): string {
  return name.replace(/[,+"\\<>;=#]/g, '\\$&')
}

async function credentials(certificate: X509Certificate, keys: CryptoKeyPair): Promise<Credentials> {
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${PemConverter.encode(key, PemConverter.PrivateKeyTag)}\n`,
  }
}

async function importKey(key: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(key), ALGORITHM, false, ['sign'])
}
