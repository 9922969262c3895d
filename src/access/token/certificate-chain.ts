/**
 * Whether a chain of certificates that a token brings along (`x5c`) leads to a root that this registry trusts
 * (RFC 5280 §6, as far as it concerns signing tokens): valid now, every issuer a certificate authority that
 * issued and signed what stands before it, no longer than an issuer allows, nothing critical that is not
 * understood, and no signature over MD5 or SHA-1.
 */
import 'reflect-metadata' // What the certificates' library needs, and does not bring.
import { X509Certificate } from 'node:crypto'
import { BasicConstraintsExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509'

/** The header of a token has room for no more. */
const LONGEST_CHAIN = 10
/** A crafted set of certificates that all sign each other must not keep us busy. */
const MOST_SIGNATURES = 40

/** What a chain needs to know of a certificate, read once: a stranger's token must not have ours read over and over. */
export interface ChainCertificate {
  readonly x509: X509Certificate
  readonly notBefore: Date
  readonly notAfter: Date
  /** Nothing critical is in it that is not understood here. */
  readonly isUnderstood: boolean
  /** Of a root nobody looks at the signature. */
  readonly isWeaklySigned: boolean
  /** How many authorities may stand between it and the leaf; null for what is no authority. */
  readonly mostBelow: number | null
}

/** The certificates of a PEM file. Throws where there is none, or a broken one. */
export function parseCertificates(pem: string): readonly ChainCertificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error('there is no certificate in it')
  return blocks.map((block) => readCertificate(new X509Certificate(block)))
}

/** The first certificate of `x5c` (RFC 7515 §4.1.6) where its chain leads to a root; null otherwise. */
export function findTrustedLeaf(
  x5c: readonly string[],
  roots: readonly ChainCertificate[],
  now: Date,
): X509Certificate | null {
  if (x5c.length > LONGEST_CHAIN) return null
  const [leaf, ...others] = x5c.map(decodeCertificate)
  if (leaf === undefined || leaf === null) return null
  const search: Search = { roots, intermediates: others.filter((each) => each !== null), now, signatures: 0 }
  return isValid(leaf, now) && leadsToRoot(search, leaf, []) ? leaf.x509 : null
}

function decodeCertificate(text: string): ChainCertificate | null {
  try {
    return readCertificate(new X509Certificate(Buffer.from(text, 'base64')))
  } catch {
    return null
  }
}

/** Basic constraints, key usage, extended key usage (any is fine, as there), alternative names (nobody asks for one). */
const UNDERSTOOD: ReadonlySet<string> = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17'])

function readCertificate(x509: X509Certificate): ChainCertificate {
  const parsed = new ParsedCertificate(x509.raw)
  const { notBefore, notAfter, extensions, signatureAlgorithm } = parsed
  const hash = 'hash' in signatureAlgorithm ? signatureAlgorithm.hash.name : ''
  const pathLength = parsed.getExtension(BasicConstraintsExtension)?.pathLength
  return {
    x509,
    notBefore,
    notAfter,
    isUnderstood: extensions.every(({ critical, type }) => !critical || UNDERSTOOD.has(type)),
    isWeaklySigned: /^(?:MD5|SHA-1)$/i.test(hash),
    mostBelow: x509.ca ? (pathLength ?? Number.POSITIVE_INFINITY) : null,
  }
}

interface Search {
  readonly roots: readonly ChainCertificate[]
  readonly intermediates: readonly ChainCertificate[]
  readonly now: Date
  signatures: number
}

function leadsToRoot(
  search: Search,
  certificate: ChainCertificate,
  below: readonly ChainCertificate[],
): boolean {
  if (search.roots.some((root) => isSame(root, certificate))) return true
  const chain = [...below, certificate]
  const mayIssue = (issuer: ChainCertificate) => isIssuer(search, issuer, certificate, chain.length)
  if (search.roots.some(mayIssue)) return true
  return search.intermediates
    .filter((each) => !chain.some((used) => isSame(used, each)))
    .some((issuer) => mayIssue(issuer) && leadsToRoot(search, issuer, chain))
}

function isSame(one: ChainCertificate, other: ChainCertificate): boolean {
  return one.x509.raw.equals(other.x509.raw)
}

/** `depth` is how many certificates stand below the issuer, the leaf among them. */
function isIssuer(
  search: Search,
  issuer: ChainCertificate,
  subject: ChainCertificate,
  depth: number,
): boolean {
  return (
    depth < LONGEST_CHAIN &&
    issuer.mostBelow !== null &&
    depth - 1 <= issuer.mostBelow &&
    !subject.isWeaklySigned &&
    isValid(issuer, search.now) &&
    subject.x509.checkIssued(issuer.x509) &&
    search.signatures++ < MOST_SIGNATURES &&
    subject.x509.verify(issuer.x509.publicKey)
  )
}

function isValid({ notBefore, notAfter, isUnderstood }: ChainCertificate, now: Date): boolean {
  return notBefore <= now && now <= notAfter && isUnderstood
}
