import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { makeSelfSigned } from '../../test/certificate-files.ts'
import { tryCommand } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { CIPHER_SUITES, CipherSuiteRefused, planCiphers, suitKey } from './cipher-suites.ts'
import { serveForTest, textReply } from './raw-client.support.ts'
import type { RunningServer } from './server.ts'
import type { TlsOptions } from './tls.ts'

setDefaultTimeout(30_000)

test('a suite that Berth does not have, or nobody knows, is refused by name', () => {
  expect(() => planCiphers('tls1.2', ['TLS_RSA_WITH_RC4_128_SHA'])).toThrow(CipherSuiteRefused)
  expect(() => planCiphers('tls1.2', ['TLS_RSA_WITH_RC4_128_SHA'])).toThrow('cannot offer')
  expect(() => planCiphers('tls1.2', ['ECDHE-RSA-AES128-SHA'])).toThrow('is no cipher suite that Go knows')
})

test('with TLS 1.3 alone the list has no effect, and that is said', () => {
  const plan = planCiphers('tls1.3', ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'])
  expect(plan.minimumVersion).toBe('tls1.3')
  expect(plan.remarks.join()).toContain('has no effect with http.tls.minimumtls: tls1.3')
})

test('a list of suites of TLS 1.3 alone refuses TLS 1.2, as Go does, and never offers others in their place', () => {
  const plan = planCiphers('tls1.2', ['TLS_AES_128_GCM_SHA256'])
  expect(plan.minimumVersion).toBe('tls1.3')
  expect(plan.remarks.join()).toContain('clients with TLS 1.2 are refused')
})

test('who names some suites of TLS 1.3 beside others hears that all of them are offered', () => {
  const one = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256']
  expect(planCiphers('tls1.2', one).remarks.join()).toContain('all of them are offered')
  const all = [...one, 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
  expect(planCiphers('tls1.2', all).remarks).toEqual([])
})

test('whether a list goes with a key is known', () => {
  expect(suitKey(['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'], 'ec')).toBe(false)
  expect(suitKey(['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'], 'rsa')).toBe(true)
  expect(suitKey(['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'], 'ed25519')).toBe(true)
  expect(suitKey(null, 'ec')).toBe(true)
})

/** What OpenSSL of today does not have any more, tried with Bun's own client. */
const GONE_FROM_OPENSSL = 'TLS_RSA_WITH_3DES_EDE_CBC_SHA'

describeWith('suites on the wire', ['openssl'], ({ openssl }) => {
  let folder: string
  const options = new Map<string, Pick<TlsOptions, 'certificate' | 'key'>>()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-suites-'))
    for (const [kind, key] of [
      ['RSA', 'rsa:2048'],
      ['ECDSA', 'prime256v1'],
    ] as const) {
      const made = await makeSelfSigned(openssl, folder, { name: kind, key })
      options.set(kind, {
        certificate: await Bun.file(made.certificate).text(),
        key: await Bun.file(made.key).text(),
      })
    }
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function serving(
    suites: string[] | null,
    kind = 'RSA',
    minimumVersion: TlsOptions['minimumVersion'] = 'tls1.2',
  ) {
    const pair = options.get(kind)
    if (pair === undefined) throw new Error(`no certificate of kind ${kind}`)
    return await serveForTest(() => textReply(200, 'here'), {
      tls: { ...pair, client: null, minimumVersion, cipherSuites: suites },
    })
  }

  /** What openssl's client agrees upon with the server, or null. */
  async function agreed(server: RunningServer, ...args: string[]): Promise<string | null> {
    const place = ['-connect', `127.0.0.1:${server.port}`]
    const { stdout } = await tryCommand(openssl, ['s_client', ...place, ...args], { stdin: '' })
    const cipher = /Cipher is (\S+)/.exec(stdout)?.[1]
    return cipher === undefined || cipher === '(NONE)' ? null : cipher
  }

  const WEAKEST = ['-cipher', 'ALL:@SECLEVEL=0']

  test.each(Object.entries(CIPHER_SUITES).filter(([name]) => name !== GONE_FROM_OPENSSL))(
    '%s alone is what is offered to TLS 1.2',
    async (name, openSslName) => {
      const server = await serving([name], name.includes('ECDSA') ? 'ECDSA' : 'RSA')
      expect(await agreed(server, '-tls1_2', ...WEAKEST)).toBe(openSslName)
      expect(await agreed(server, '-tls1_2', '-cipher', `ALL:!${openSslName}:@SECLEVEL=0`)).toBeNull()
      await server.stop({ graceMilliseconds: 0 })
    },
  )

  test(`${GONE_FROM_OPENSSL} alone is what is offered to TLS 1.2`, async () => {
    const server = await serving([GONE_FROM_OPENSSL])
    const client = tls.connect({
      port: server.port ?? 0,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
      ciphers: CIPHER_SUITES[GONE_FROM_OPENSSL] ?? '',
    })
    await new Promise((resolve, reject) => client.once('secureConnect', resolve).once('error', reject))
    expect(client.getCipher().standardName).toBe(GONE_FROM_OPENSSL)
    client.destroy()
    await server.stop({ graceMilliseconds: 0 })
  })

  test('where nothing is said, TLS 1.2 has forward secret, authenticated suites only', async () => {
    const server = await serving(null)
    expect(await agreed(server, '-tls1_2', ...WEAKEST)).toMatch(/^ECDHE-RSA-(AES\d+-GCM|CHACHA20)/)
    expect(await agreed(server, '-tls1_2', '-cipher', 'ALL:!AESGCM:!CHACHA20:@SECLEVEL=0')).toBeNull()
    expect(await agreed(server, '-tls1_2', '-cipher', 'kRSA:@SECLEVEL=0')).toBeNull()
    await server.stop({ graceMilliseconds: 0 })
  })

  test.each([
    ['tls1.2', { '-tls1': false, '-tls1_1': false, '-tls1_2': true, '-tls1_3': true }],
    ['tls1.3', { '-tls1': false, '-tls1_1': false, '-tls1_2': false, '-tls1_3': true }],
  ] as const)('a minimum of %s is one', async (minimumVersion, expected) => {
    const server = await serving(null, 'RSA', minimumVersion)
    for (const [version, isAgreed] of Object.entries(expected)) {
      expect([version, (await agreed(server, version, ...WEAKEST)) !== null]).toEqual([version, isAgreed])
    }
    await server.stop({ graceMilliseconds: 0 })
  })
})
