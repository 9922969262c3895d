import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MadeCertificate, makeSelfSigned, makeSigned } from '../../test/certificate-files.ts'
import { command } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import {
  type CertificateFacts,
  complaintsAbout,
  type PemFile,
  parseAuthorities,
  parseKeyPair,
  requireRoots,
} from './certificates.ts'

describeWith('files of certificates', ['openssl'], ({ openssl }) => {
  let folder: string
  let authority: MadeCertificate
  let server: MadeCertificate
  let other: MadeCertificate

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-certificates-'))
    authority = await makeSelfSigned(openssl, folder, { name: 'authority', subjectAltName: '' })
    server = await makeSigned(openssl, folder, authority, { name: 'server' })
    other = await makeSelfSigned(openssl, folder, { name: 'other', key: 'rsa:2048' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function read(path: string): Promise<PemFile> {
    return { path, text: await Bun.file(path).text() }
  }

  async function pairOf(certificates: readonly string[], key: string) {
    const texts = await Promise.all(certificates.map((path) => Bun.file(path).text()))
    return parseKeyPair(
      { path: '/tls/cert.pem', text: texts.join('') },
      { ...(await read(key)), path: '/tls/key.pem' },
    )
  }

  test('the server’s own certificate comes first, the others of its chain after it', async () => {
    const { certificate, facts } = await pairOf([server.certificate, authority.certificate], server.key)
    expect(certificate.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(facts.names).toEqual(['localhost', '127.0.0.1'])
    expect(facts.keyType).toBe('ec')
    const printed = await command(openssl, [
      'x509',
      '-in',
      server.certificate,
      '-noout',
      '-fingerprint',
      '-sha256',
    ])
    expect(printed.trim().endsWith(facts.fingerprint)).toBe(true)
  })

  test('certificate and key may be one file, with what people write between', async () => {
    const text = `Bag Attributes\n${(await read(server.key)).text}\n# mine\n${(await read(server.certificate)).text}`
    const both = { path: '/tls/both.pem', text: text.replaceAll('\n', '\r\n') }
    expect(parseKeyPair(both, both).facts.names).toEqual(['localhost', '127.0.0.1'])
  })

  test('keys in the older forms are taken', async () => {
    const [ec, rsa] = [join(folder, 'sec1.key'), join(folder, 'pkcs1.key')]
    await command(openssl, ['ec', '-in', server.key, '-out', ec])
    await command(openssl, ['rsa', '-in', other.key, '-traditional', '-out', rsa])
    expect((await pairOf([server.certificate], ec)).key).toContain('BEGIN EC PRIVATE KEY')
    expect((await pairOf([other.certificate], rsa)).key).toContain('BEGIN RSA PRIVATE KEY')
  })

  test('a key of another certificate is refused, and both files are named', () => {
    expect(pairOf([server.certificate], other.key)).rejects.toThrow(
      'the key in /tls/key.pem does not belong to the certificate in /tls/cert.pem',
    )
  })

  test('a chain that begins with another certificate is refused with the order to put it in', () => {
    expect(pairOf([authority.certificate, server.certificate], server.key)).rejects.toThrow(
      "has the server's own certificate behind others. Put it first",
    )
  })

  test.each([
    ['PKCS #8', ['pkey', '-aes128', '-passout', 'pass:secret']],
    ['the form before it', ['ec', '-aes128', '-passout', 'pass:secret']],
  ])('a key that is encrypted (%s) is refused with the command that decrypts it', async (_, args) => {
    const path = join(folder, 'encrypted.key')
    await command(openssl, [...args, '-in', server.key, '-out', path])
    expect(pairOf([server.certificate], path)).rejects.toThrow('openssl pkey -in /tls/key.pem -out')
  })

  test.each([
    ['on a curve that is not known at all', 'secp256k1', '/tls/key.pem has a key that'],
    ['on a curve that TLS does not use', 'secp224r1', '/tls/cert.pem is for a key that'],
    ['of a kind that is not known', 'ed448', '/tls/key.pem has a key that'],
    ['too short for a signature', 'rsa:512', 'the key in /tls/key.pem has 512 bits'],
  ])('a key %s (%s) is refused with its file, and with what to make instead', async (_, key, sentence) => {
    const made = await makeSelfSigned(openssl, folder, { name: `refused-${key.replace(':', '-')}`, key })
    const refused = pairOf([made.certificate], made.key)
    await expect(refused).rejects.toThrow(sentence)
    await expect(refused).rejects.toThrow(/Make one .*and a certificate for it\.$/)
  })

  test('what is no certificate, no key, or half written is refused', async () => {
    expect(pairOf([server.key], server.key)).rejects.toThrow('/tls/cert.pem holds no certificate')
    expect(pairOf([server.certificate], server.certificate)).rejects.toThrow(
      '/tls/key.pem holds no private key',
    )
    const { text } = await read(server.certificate)
    const key = await read(server.key)
    expect(() => parseKeyPair({ path: 'c', text: text.slice(0, -40) }, key)).toThrow('c ends in the middle')
    expect(() => parseKeyPair({ path: 'c', text: `${text}${text.slice(0, 90)}` }, key)).toThrow(
      'ends in the middle',
    )
    const damaged = text.replace(/\n[^-\n]{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
    expect(() => parseKeyPair({ path: 'c', text: damaged }, key)).toThrow('certificate 1 of it is damaged')
  })

  test('authorities of clients are all certificates of all files, and a file without any is refused', async () => {
    const files = await Promise.all([authority.certificate, other.certificate].map(read))
    expect(parseAuthorities(files).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(() => parseAuthorities([{ path: '/tls/ca.pem', text: '' }])).toThrow(
      'http.tls.clientcas: /tls/ca.pem holds no certificate',
    )
  })

  test('authorities of clients lead to one that signs itself, whatever their order', async () => {
    const extensions = ['basicConstraints=critical,CA:TRUE']
    const names = { subjectAltName: '', extensions }
    const between = await makeSigned(openssl, folder, authority, { name: 'between', ...names })
    const issuing = await makeSigned(openssl, folder, between, { name: 'issuing', ...names })
    const filesOf = (made: readonly MadeCertificate[]) =>
      Promise.all(made.map(({ certificate }) => read(certificate)))
    const whole = await filesOf([issuing, other, authority, between])
    expect(() => requireRoots(whole)).not.toThrow()
    const loose = await filesOf([other, issuing, authority])
    expect(() => requireRoots(loose)).toThrow(
      `${issuing.certificate} has the certificate of "CN=issuing", which "CN=between" has signed`,
    )
  })

  test('a certificate without names is complained about, for Docker refuses it', async () => {
    const nameless = await makeSelfSigned(openssl, folder, { name: 'nameless', subjectAltName: '' })
    const { facts } = await pairOf([nameless.certificate], nameless.key)
    expect(complaintsAbout(facts, '/c', new Date()).join()).toContain('has no subjectAltName')
  })
})

describe('what troubles clients', () => {
  const now = new Date('2026-01-10T00:00:00Z')
  const facts: CertificateFacts = {
    names: ['localhost'],
    validFrom: new Date('2026-01-01T00:00:00Z'),
    validUntil: new Date('2026-03-01T00:00:00Z'),
    keyType: 'ec',
    fingerprint: '',
  }

  test('a certificate in its time is not complained about', () => {
    expect(complaintsAbout(facts, '/c', now)).toEqual([])
  })

  test.each([
    ['expired', { validUntil: new Date('2026-01-09T00:00:00Z') }, 'expired on 2026-01-09'],
    ['about to expire', { validUntil: new Date('2026-01-20T00:00:00Z') }, 'expires on 2026-01-20'],
    ['of the future', { validFrom: new Date('2026-01-11T00:00:00Z') }, 'is valid from 2026-01-11 on'],
  ])('one that is %s is', (_, change, sentence) => {
    const complaints = complaintsAbout({ ...facts, ...change }, '/c', now)
    expect(complaints).toHaveLength(1)
    expect(complaints[0]).toContain(sentence)
  })
})
