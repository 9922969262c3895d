/** Which chains of certificates lead to a root, and each way in which one does not. */
import { describe, expect, test } from 'bun:test'
import { type Certified, makeCertificate } from '../../../test/certificates.ts'
import { findTrustedLeaf, parseCertificates } from './certificate-chain.ts'

const root = await makeCertificate({ name: 'root', isAuthority: true })
const leaf = await makeCertificate({ name: 'leaf', issuer: root })
const middle = await makeCertificate({ name: 'middle', issuer: root, isAuthority: true })
const deepLeaf = await makeCertificate({ name: 'deep leaf', issuer: middle })
const lonely = await makeCertificate({ name: 'lonely' })
const NOW = new Date()

function isTrusted(
  chain: readonly (Certified | string)[],
  roots: readonly Certified[] = [root],
  now = NOW,
): boolean {
  const x5c = chain.map((each) => (typeof each === 'string' ? each : each.base64))
  return (
    findTrustedLeaf(
      x5c,
      roots.flatMap(({ pem }) => parseCertificates(pem)),
      now,
    ) !== null
  )
}

describe('a token is vouched for by', () => {
  test('a certificate that a root has issued', () => expect(isTrusted([leaf])).toBe(true))
  test('one that a root has issued through another authority', () =>
    expect(isTrusted([deepLeaf, middle])).toBe(true))
  test('a chain that brings its root too, and what has nothing to do with it', () =>
    expect(isTrusted([deepLeaf, lonely, middle, root])).toBe(true))
  test('a root itself, also one that is no authority', () => {
    expect(isTrusted([root])).toBe(true)
    expect(isTrusted([lonely], [lonely])).toBe(true)
  })
  test.each(['RSA', 'P-384', 'Ed25519'] as const)('keys of the kind %s', async (kind) => {
    const authority = await makeCertificate({ name: kind, kind, isAuthority: true })
    const issued = await makeCertificate({ name: `${kind} leaf`, issuer: authority, kind })
    expect(isTrusted([issued], [root, authority])).toBe(true)
    expect(findTrustedLeaf([issued.base64], parseCertificates(authority.pem), NOW)?.subject).toBe(
      `CN=${kind} leaf`,
    )
  })
})

describe('it is not by', () => {
  test('nothing', () => expect(isTrusted([])).toBe(false))
  test('what is no certificate', () => expect(isTrusted(['!!', 'AAAA'])).toBe(false))
  test('a certificate of somebody else', () => expect(isTrusted([lonely])).toBe(false))
  test('one whose issuer is missing', () => expect(isTrusted([deepLeaf])).toBe(false))
  test('one whose root is not trusted, though it comes along', async () => {
    const other = await makeCertificate({ name: 'other', isAuthority: true })
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: other }), other])).toBe(false)
  })
  test('one whose issuer only calls itself like the root', async () => {
    const forged = await makeCertificate({ name: 'root', isAuthority: true })
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: forged }), forged])).toBe(false)
  })
  test('one that a leaf has issued', async () => {
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: leaf }), leaf])).toBe(false)
  })
  test('a certificate that is over, or not yet valid', () => {
    expect(isTrusted([leaf], [root], new Date(NOW.getTime() + 2 * 3_600_000))).toBe(false)
    expect(isTrusted([leaf], [root], new Date(NOW.getTime() - 2 * 3_600_000))).toBe(false)
  })
  test('one whose authority is over', async () => {
    const old = await makeCertificate({ name: 'old', issuer: root, isAuthority: true, validUntil: -10 })
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: old }), old])).toBe(false)
  })
  test('a longer chain than an authority allows', async () => {
    const strict = await makeCertificate({ name: 'strict', isAuthority: true, pathLength: 0 })
    const below = await makeCertificate({ name: 'below', issuer: strict, isAuthority: true })
    const deep = await makeCertificate({ name: 'deep', issuer: below })
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: strict })], [strict])).toBe(true)
    expect(isTrusted([deep, below], [strict])).toBe(false)
  })
  test('a certificate with something critical that nobody here understands', async () => {
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: root, isStrange: true })])).toBe(false)
  })
  test('a signature over SHA-1', async () => {
    const old = await makeCertificate({ name: 'old', kind: 'RSA with SHA-1', isAuthority: true })
    expect(isTrusted([await makeCertificate({ name: 'x', issuer: old })], [old])).toBe(false)
    expect(isTrusted([old], [old])).toBe(true)
  })
  test('a certificate whose bytes were changed', () => {
    const bytes = Buffer.from(leaf.base64, 'base64')
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1
    expect(isTrusted([bytes.toString('base64')])).toBe(false)
  })
  test('a chain longer than any', () => expect(isTrusted([leaf, ...Array(10).fill(middle)])).toBe(false))
  test('authorities that all sign each other, and that is known soon', async () => {
    const chain: Certified[] = []
    let issuer = await makeCertificate({ name: 'ring', isAuthority: true })
    for (let index = 0; index < 9; index++) {
      issuer = await makeCertificate({ name: 'ring', issuer, isAuthority: true })
      chain.push(issuer)
    }
    expect(isTrusted([await makeCertificate({ name: 'x', issuer }), ...chain])).toBe(false)
  })
})

test('a file of certificates may have text around them, and must have one', () => {
  expect(parseCertificates(`# ours\n${root.pem}\n${leaf.pem}`).length).toBe(2)
  expect(() => parseCertificates('')).toThrow('there is no certificate in it')
})
