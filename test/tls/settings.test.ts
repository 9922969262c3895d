/** Each setting of TLS and HTTP/2, as an operator gives it, has the effect that it has in registry:2 and registry:3. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { startBerth } from '../berth-server.ts'
import { makeSelfSigned, makeSigned } from '../certificate-files.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { startSecuredBerth } from './secured-berth.ts'

setDefaultTimeout(30_000)

describeWith('a setting', ['openssl', 'curl'], ({ openssl, curl }) => {
  /** The version and status of an answer, or null. */
  async function answered(url: string, ...args: string[]): Promise<string | null> {
    const told = ['-o', '/dev/null', '-w', '%{http_version} %{http_code}']
    const { stdout, exitCode } = await tryCommand(curl, ['-sk', ...told, ...args, `${url}/v2/`])
    return exitCode === 0 ? stdout : null
  }

  async function suite(url: string, ...args: string[]): Promise<string | null> {
    const place = ['-connect', new URL(url).host]
    const { stdout } = await tryCommand(openssl, ['s_client', ...place, ...args], { stdin: '' })
    return /Cipher is (\S+)/.exec(stdout)?.[1]?.replace('(NONE)', '') || null
  }

  test('http.http2.disabled leaves HTTP/1.1 alone, which is else chosen by clients only', async () => {
    await using usual = await startSecuredBerth(openssl)
    expect(await answered(usual.berth.url)).toBe('2 200')
    expect(await answered(usual.berth.url, '--http1.1')).toBe('1.1 200')
    await using without = await startSecuredBerth(openssl, { REGISTRY_HTTP_HTTP2_DISABLED: 'true' })
    expect(await answered(without.berth.url)).toBe('1.1 200')
  })

  test('http.h2c.enabled speaks HTTP/2 without TLS with those who begin with it', async () => {
    await using usual = await startBerth()
    expect(await answered(usual.url, '--http2-prior-knowledge')).toBeNull()
    await using enabled = await startBerth({ env: { REGISTRY_HTTP_H2C_ENABLED: 'true' } })
    expect(await answered(enabled.url, '--http2-prior-knowledge')).toBe('2 200')
    expect(await answered(enabled.url, '--http2')).toBe('1.1 200')
    expect(await answered(enabled.url)).toBe('1.1 200')
  })

  test('http.tls.minimumtls and http.tls.ciphersuites are kept to', async () => {
    await using newest = await startSecuredBerth(openssl, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.3' })
    expect(await suite(newest.berth.url, '-tls1_2')).toBeNull()
    expect(await suite(newest.berth.url, '-tls1_3')).not.toBeNull()
    const REGISTRY_HTTP_TLS_CIPHERSUITES = '[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]'
    await using chosen = await startSecuredBerth(openssl, { REGISTRY_HTTP_TLS_CIPHERSUITES })
    expect(await suite(chosen.berth.url, '-tls1_2')).toBe('ECDHE-ECDSA-AES256-GCM-SHA384')
    expect(await suite(chosen.berth.url, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')).toBeNull()
  })

  test('http.tls.minimumtls below what is safe is raised, and that is said', async () => {
    await using raised = await startSecuredBerth(openssl, { REGISTRY_HTTP_TLS_MINIMUMTLS: 'tls1.0' })
    expect(await suite(raised.berth.url, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0')).toBeNull()
    expect(raised.berth.log()).toContain('Berth speaks TLS 1.2 at least')
  })

  test('http.tls.clientcas requires a certificate, and with http.tls.clientauth only asks for one', async () => {
    await using asked = await startSecuredBerth(openssl)
    const { folder, files } = asked
    const authority = await makeSelfSigned(openssl, folder, { name: 'authority', subjectAltName: '' })
    const client = await makeSigned(openssl, folder, authority, { name: 'client' })
    const stranger = await makeSelfSigned(openssl, folder, { name: 'stranger' })
    const shown = ['--cert', client.certificate, '--key', client.key]
    const named = {
      REGISTRY_HTTP_TLS_CERTIFICATE: files.certificate,
      REGISTRY_HTTP_TLS_KEY: files.key,
      REGISTRY_HTTP_TLS_CLIENTCAS: authority.certificate,
    }
    const tls = { authority: join(folder, 'first.crt'), ...client }
    await using required = await startBerth({ env: named, tls })
    expect(await answered(required.url)).toBeNull()
    expect(await answered(required.url, '--cert', stranger.certificate, '--key', stranger.key)).toBeNull()
    expect(await answered(required.url, ...shown)).toBe('2 200')
    const env = { ...named, REGISTRY_HTTP_TLS_CLIENTAUTH: 'request-client-cert' }
    await using requested = await startBerth({ env, tls })
    expect(await answered(requested.url)).toBe('2 200')
    expect(await answered(requested.url, ...shown)).toBe('2 200')
  })
})
