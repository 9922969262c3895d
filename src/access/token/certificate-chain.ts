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

/** The certificates of a PEM file. Throws where there is none, or a broken one. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error('there is no certificate in it')
  return blocks.map((block) => new X509Certificate(block))
}

/** The first certificate of `x5c` (RFC 7515 §4.1.6) where its chain leads to a root; null otherwise. */
export function findTrustedLeaf(
  x5c: readonly string[],
  roots: readonly X509Certificate[],
  now: Date,
): X509Certificate | null {
  if (x5c.length > LONGEST_CHAIN) return null
  const [leaf, ...intermediates] = x5c.map(decodeCertificate)
  if (leaf === undefined || leaf === null) return null
  const search: Search = {
    roots,
    intermediates: intermediates.filter((each) => each !== null),
    now,
    signatures: 0,
  }
  return isValid(leaf, now) && leadsToRoot(search, leaf, []) ? leaf : null
}

function decodeCertificate(text: string): X509Certificate | null {
  try {
    return new X509Certificate(Buffer.from(text, 'base64'))
  } catch {
    return null
  }
}

interface Search {
  readonly roots: readonly X509Certificate[]
  readonly intermediates: readonly X509Certificate[]
  readonly now: Date
  signatures: number
}

function leadsToRoot(
  search: Search,
  certificate: X509Certificate,
  below: readonly X509Certificate[],
): boolean {
  if (search.roots.some((root) => root.raw.equals(certificate.raw))) return true
  const chain = [...below, certificate]
  const mayIssue = (issuer: X509Certificate) => isIssuer(search, issuer, certificate, chain.length)
  if (search.roots.some(mayIssue)) return true
  return search.intermediates
    .filter((each) => !chain.some((used) => used.raw.equals(each.raw)))
    .some((issuer) => mayIssue(issuer) && leadsToRoot(search, issuer, chain))
}

/** `depth` is how many certificates stand below the issuer. */
function isIssuer(search: Search, issuer: X509Certificate, subject: X509Certificate, depth: number): boolean {
  return (
    depth < LONGEST_CHAIN &&
    subject.checkIssued(issuer) &&
    isValid(issuer, search.now) &&
    isAuthority(issuer, depth) &&
    !isWeaklySigned(subject) &&
    search.signatures++ < MOST_SIGNATURES &&
    subject.verify(issuer.publicKey)
  )
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  const { notBefore, notAfter, extensions } = new ParsedCertificate(certificate.raw)
  return (
    notBefore <= now &&
    now <= notAfter &&
    extensions.every(({ critical, type }) => !critical || UNDERSTOOD.has(type))
  )
}

/** Of a root nobody looks at the signature. */
function isWeaklySigned(certificate: X509Certificate): boolean {
  const { signatureAlgorithm } = new ParsedCertificate(certificate.raw)
  return 'hash' in signatureAlgorithm && /^(?:MD5|SHA-1)$/i.test(signatureAlgorithm.hash.name)
}

/** Basic constraints, key usage, extended key usage (any is fine, as there), alternative names (nobody asks for one). */
const UNDERSTOOD = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17'])

function isAuthority(certificate: X509Certificate, depth: number): boolean {
  if (!certificate.ca) return false
  const constraints = new ParsedCertificate(certificate.raw).getExtension(BasicConstraintsExtension)
  const longest = constraints?.pathLength
  return longest === undefined || depth - 1 <= longest
}
