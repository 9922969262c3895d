/** What Berth cannot do as it was asked is refused at the start, in a sentence, and never done in a weaker way. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchBerth } from '../berth-server.ts'
import { type MadeCertificate, makeSelfSigned, makeSigned } from '../certificate-files.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'

setDefaultTimeout(30_000)
const WRONG_SETTINGS = 3

describeWith('a start with TLS that cannot be', ['openssl'], ({ openssl }) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-refused-'))
  let own: MadeCertificate
  let other: MadeCertificate
  let encrypted: string

  beforeAll(async () => {
    own = await makeSelfSigned(openssl, folder, { name: 'own' })
    other = await makeSelfSigned(openssl, folder, { name: 'other' })
    encrypted = join(folder, 'encrypted.key')
    await command(openssl, ['pkey', '-in', own.key, '-aes128', '-passout', 'pass:x', '-out', encrypted])
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function refusal(env: Readonly<Record<string, string>>): Promise<string> {
    const named = { REGISTRY_HTTP_TLS_CERTIFICATE: own.certificate, REGISTRY_HTTP_TLS_KEY: own.key }
    await using berth = await launchBerth({ env: { ...named, ...env } })
    expect(await berth.exited).toBe(WRONG_SETTINGS)
    expect(berth.log()).not.toContain('listening on')
    return berth.log()
  }

  test('says so of a key that belongs to another certificate, is encrypted, or is not there', async () => {
    expect(await refusal({ REGISTRY_HTTP_TLS_KEY: other.key })).toContain(
      'does not belong to the certificate',
    )
    expect(await refusal({ REGISTRY_HTTP_TLS_KEY: encrypted })).toContain('is encrypted')
    expect(await refusal({ REGISTRY_HTTP_TLS_KEY: '/nowhere/key' })).toContain(
      'http.tls.key: /nowhere/key cannot be read',
    )
    expect(await refusal({ REGISTRY_HTTP_TLS_CLIENTCAS: '/nowhere/ca' })).toContain(
      'http.tls.clientcas: /nowhere/ca cannot be read',
    )
  })

  test.each(['1', '2'])('names the file of a key that its TLS cannot use (workers: %s)', async (workers) => {
    const odd = await makeSelfSigned(openssl, folder, { name: 'odd', key: 'secp224r1' })
    const named = { REGISTRY_HTTP_TLS_CERTIFICATE: odd.certificate, REGISTRY_HTTP_TLS_KEY: odd.key }
    expect(await refusal({ ...named, BERTH_WORKERS: workers })).toContain(
      `${odd.certificate} is for a key that Berth's TLS cannot use (unsupported algorithm)`,
    )
  })

  test('says so of suites that Berth does not have', async () => {
    expect(await refusal({ REGISTRY_HTTP_TLS_CIPHERSUITES: '[TLS_RSA_WITH_RC4_128_SHA]' })).toContain(
      'TLS_RSA_WITH_RC4_128_SHA is one that Berth cannot offer',
    )
  })

  test('says so of ways to ask clients for certificates that would let in unchecked ones', async () => {
    const REGISTRY_HTTP_TLS_CLIENTCAS = other.certificate
    for (const mode of ['require-any-client-cert', 'verify-client-cert-if-given']) {
      const env = { REGISTRY_HTTP_TLS_CLIENTCAS, REGISTRY_HTTP_TLS_CLIENTAUTH: mode }
      expect(await refusal(env)).toContain('cannot do that safely')
    }
    expect(await refusal({ REGISTRY_HTTP_TLS_CLIENTCAS: own.key })).toContain('holds no certificate')
  })

  test('says so of authorities of clients that end in none that signs itself, for nobody would get in', async () => {
    const extensions = ['basicConstraints=critical,CA:TRUE']
    const between = await makeSigned(openssl, folder, other, {
      name: 'between',
      subjectAltName: '',
      extensions,
    })
    const issuing = await makeSigned(openssl, folder, between, {
      name: 'issuing',
      subjectAltName: '',
      extensions,
    })
    const refused = `${issuing.certificate} has the certificate of "CN=issuing", which "CN=between" has signed`
    expect(await refusal({ REGISTRY_HTTP_TLS_CLIENTCAS: issuing.certificate })).toContain(refused)
    const files = [issuing, between].map(({ certificate }) => certificate).join(', ')
    expect(await refusal({ REGISTRY_HTTP_TLS_CLIENTCAS: `[${files}]` })).toContain(
      'nobody would get in by it',
    )
  })

  test('says so of --tls auto beside a certificate of files', async () => {
    expect(await refusal({ BERTH_TLS: 'auto' })).toContain('Keep one of the two')
  })
})
