/**
 * A certificate, its key and the authorities of clients' certificates, from the text of their files: checked before a
 * server gets them, so that what is wrong is said in a sentence, and a pair that does not belong together is never used.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { shellWord } from '../lib/shell-word.ts'
import { codeOf } from '../lib/thrown.ts'

/** A file does not hold what it should. The message says which, what is wrong, and what to do. */
export class CertificateUnusable extends Error {
  override readonly name = 'CertificateUnusable'
}

/** A file's text, and what it is called. */
export interface PemFile {
  readonly path: string
  readonly text: string
}

export interface KeyPair {
  /** The server's own certificate and those that follow it, as PEM. */
  readonly certificate: string
  readonly key: string
  readonly facts: CertificateFacts
}

/** What people want to know of the certificate that is served. */
export interface CertificateFacts {
  /** Host names and addresses that it is for; empty where it has none, and then no client of today takes it. */
  readonly names: readonly string[]
  readonly validFrom: Date
  readonly validUntil: Date
  /** `rsa`, `ec`, `ed25519`, ... */
  readonly keyType: string
  /** SHA-256 of the certificate, as `openssl x509 -fingerprint` prints it. */
  readonly fingerprint: string
}

interface PemBlock {
  readonly label: string
  readonly text: string
}

/** The two may be one file. Throws CertificateUnusable, also where TLS cannot use them. */
export function parseKeyPair(certificateFile: PemFile, keyFile: PemFile): KeyPair {
  const chain = parseCertificates(certificateFile, 'http.tls.certificate')
  const { key, pem } = parseKey(keyFile)
  const certificate = chain.map(String).join('')
  requireSpoken({ cert: certificate }, `http.tls.certificate: ${certificateFile.path}`)
  const own = requireOwn(chain, key, certificateFile, keyFile)
  requireStrong(key, keyFile.path)
  return { certificate, key: pem, facts: factsOf(own) }
}

/** The certificate and the key of an authority, in one file: it signs others, and is never shown by a server itself. Throws CertificateUnusable. */
export function parseAuthorityPair(file: PemFile): Pick<KeyPair, 'certificate' | 'key'> {
  const chain = parseCertificates(file, 'the authority')
  const { key, pem } = parseKey(file)
  return { certificate: String(requireOwn(chain, key, file, file)), key: pem }
}

/** The first certificate, whose key it must be. */
function requireOwn(
  chain: readonly X509Certificate[],
  key: KeyObject,
  certificateFile: PemFile,
  keyFile: PemFile,
): X509Certificate {
  const [own] = chain
  if (own?.checkPrivateKey(key)) return own
  throw new CertificateUnusable(describeMismatch(chain, key, certificateFile, keyFile))
}

/** What clients' certificates must be signed by: one PEM text. Throws CertificateUnusable. */
export function parseAuthorities(files: readonly PemFile[]): string {
  return files
    .flatMap((file) => parseCertificates(file, 'http.tls.clientcas'))
    .map(String)
    .join('')
}

/**
 * What `parseAuthorities` gives is asked to let clients in, and the runtime's TLS trusts only what ends in an authority
 * that signs itself; Go takes any certificate of the pool for such an end. Throws CertificateUnusable.
 */
export function requireRoots(files: readonly PemFile[]): void {
  const all = files.flatMap((file) =>
    parseCertificates(file, 'http.tls.clientcas').map((certificate) => ({ certificate, path: file.path })),
  )
  const bySubject = Map.groupBy(
    all.map(({ certificate }) => certificate),
    ({ subject }) => subject,
  )
  for (const { certificate, path } of all) {
    if (!leadsToRoot(certificate, bySubject))
      throw new CertificateUnusable(describeLooseEnd(certificate, path))
  }
}

function leadsToRoot(
  certificate: X509Certificate,
  bySubject: ReadonlyMap<string, readonly X509Certificate[]>,
): boolean {
  const reached = new Set([certificate])
  // The set grows while it is gone through.
  for (const each of reached) {
    if (each.checkIssued(each)) return true
    const above = bySubject.get(each.issuer) ?? []
    for (const signer of above.filter((other) => each.checkIssued(other))) reached.add(signer)
  }
  return false
}

function describeLooseEnd({ subject, issuer }: X509Certificate, path: string): string {
  const [own, signer] = [subject, issuer].map((name) => name.replaceAll('\n', ', '))
  return (
    `http.tls.clientcas: ${path} has the certificate of "${own}", which "${signer}" has signed, and the authorities ` +
    'do not lead from there to one that signs itself: nobody would get in by it. Add those that are missing; then ' +
    'whoever has another certificate for clients that they have signed gets in too.'
  )
}

/** What will trouble clients, although the server can use the certificate: sentences. */
export function complaintsAbout(
  { names, validFrom, validUntil }: CertificateFacts,
  path: string,
  now: Date,
): string[] {
  const complaints = []
  if (validUntil < now) {
    complaints.push(`The certificate ${path} expired on ${dayOf(validUntil)}: clients refuse it. Renew it.`)
  } else if (validUntil.getTime() - now.getTime() < SOON) {
    complaints.push(
      `The certificate ${path} expires on ${dayOf(validUntil)}. Put a new one in its place; it is noticed without a restart.`,
    )
  }
  if (validFrom > now) {
    complaints.push(
      `The certificate ${path} is valid from ${dayOf(validFrom)} on: until then clients refuse it. Is this machine's clock right?`,
    )
  }
  if (names.length === 0) {
    complaints.push(
      `The certificate ${path} has no subjectAltName, and Docker refuses one with a common name alone. ` +
        'Make another with the name that clients use: openssl req … -addext "subjectAltName=DNS:registry.example.com"',
    )
  }
  return complaints
}

const SOON = 14 * 86_400_000

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10)
}

function parseCertificates(file: PemFile, setting: string): X509Certificate[] {
  const blocks = parsePem(file, setting).filter(({ label }) => CERTIFICATE_LABELS.has(label))
  if (blocks.length === 0) {
    throw new CertificateUnusable(
      `${setting}: ${file.path} holds no certificate. It must have lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.`,
    )
  }
  return blocks.map(({ text }, index) => parseCertificate(text, `${setting}: ${file.path}`, index + 1))
}

const CERTIFICATE_LABELS: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE'])

function parseCertificate(text: string, where: string, number: number): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (cause) {
    throw new CertificateUnusable(`${where}: certificate ${number} of it is damaged. Copy the file anew.`, {
      cause,
    })
  }
}

/**
 * There are keys that can be read, and with which the runtime's TLS does nothing: those of DSA, or on the curve P-224.
 * It says so when it is given the certificate, which must not be when the server begins to listen.
 */
function requireSpoken(pem: { readonly cert: string }, where: string): void {
  try {
    createSecureContext(pem)
  } catch (cause) {
    throw new CertificateUnusable(`${where} is for a key ${strange(cause)}`, { cause })
  }
}

/** With 512 the runtime starts, and every handshake fails: there is no room for a signature. With this it works. */
const SHORTEST_RSA_BITS = 768

function requireStrong({ asymmetricKeyDetails }: KeyObject, path: string): void {
  const bits = asymmetricKeyDetails?.modulusLength
  if (bits === undefined || bits >= SHORTEST_RSA_BITS) return
  throw new CertificateUnusable(
    `http.tls.key: the key in ${path} has ${bits} bits, which is too short for any client. Make one of 2048 bits at least, and a certificate for it.`,
  )
}

function strange(cause: unknown): string {
  return (
    `that Berth's TLS cannot use${reasonIn(cause)}. ` +
    'Make one that clients know (RSA of 2048 bits or more, or EC on the curve P-256 or P-384), and a certificate for it.'
  )
}

/** OpenSSL's errors read `error:06000080:public key routines:OPENSSL_internal:UNSUPPORTED_ALGORITHM`. */
function reasonIn(cause: unknown): string {
  const reason = cause instanceof Error ? /:([A-Z0-9_]+)$/.exec(cause.message)?.[1] : undefined
  return reason === undefined ? '' : ` (${reason.toLowerCase().replaceAll('_', ' ')})`
}

function isUnsupported(cause: unknown): boolean {
  return codeOf(cause) === 'ERR_OSSL_EVP_UNSUPPORTED_ALGORITHM'
}

function parseKey(file: PemFile): { readonly key: KeyObject; readonly pem: string } {
  const blocks = parsePem(file, 'http.tls.key')
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'))
  if (block === undefined) {
    throw new CertificateUnusable(
      `http.tls.key: ${file.path} holds no private key. It must have a line -----BEGIN PRIVATE KEY-----, or the like.`,
    )
  }
  if (isEncrypted(block)) {
    throw new CertificateUnusable(
      `http.tls.key: the key in ${file.path} is encrypted, and nobody is there to type its password. ` +
        decryption(file.path),
    )
  }
  try {
    return { key: createPrivateKey(block.text), pem: block.text }
  } catch (cause) {
    const what = isUnsupported(cause)
      ? `${file.path} has a key ${strange(cause)}`
      : `the key in ${file.path} is damaged. Copy the file anew.`
    throw new CertificateUnusable(`http.tls.key: ${what}`, { cause })
  }
}

function decryption(path: string): string {
  const [here, plain] = [shellWord(path), shellWord(`${path}.plain`)]
  return `Decrypt it: openssl pkey -in ${here} -out ${plain} && chmod 600 ${plain}`
}

/** As PKCS #8 has it in its label, and older forms in a header (RFC 1421 §4.6.1.1). */
function isEncrypted({ label, text }: PemBlock): boolean {
  return label.startsWith('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(text)
}

function describeMismatch(
  chain: readonly X509Certificate[],
  key: KeyObject,
  certificateFile: PemFile,
  keyFile: PemFile,
): string {
  if (chain.some((certificate) => certificate.checkPrivateKey(key))) {
    return (
      `http.tls.certificate: ${certificateFile.path} has the server's own certificate behind others. ` +
      'Put it first, then those that signed it, each after the one that it signed.'
    )
  }
  return (
    `http.tls: the key in ${keyFile.path} does not belong to the certificate in ${certificateFile.path}. ` +
    'Name the two that were made together.'
  )
}

/** Throws CertificateUnusable where a block has no end: then the file is half written. */
function parsePem({ path, text }: PemFile, setting: string): PemBlock[] {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)]
  const begun = text.match(/-----BEGIN /g)?.length ?? 0
  if (begun > blocks.length) {
    throw new CertificateUnusable(`${setting}: ${path} ends in the middle. Copy the file anew.`)
  }
  return blocks.map(([block, label = '']) => ({ label, text: `${block}\n` }))
}

function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    names: subjectNames(certificate.subjectAltName),
    validFrom: new Date(certificate.validFrom),
    validUntil: new Date(certificate.validTo),
    keyType: certificate.publicKey.asymmetricKeyType ?? 'unknown',
    fingerprint: certificate.fingerprint256,
  }
}

/** `DNS:localhost, IP Address:127.0.0.1` */
function subjectNames(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name = '']) => name)
}
