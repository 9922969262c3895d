import { afterAll, beforeAll, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../../test/tools/command.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { authorityCertificatePath, keepCertificate } from './local-certificate.ts'

const NAMES = ['box', 'box.local', 'localhost', '192.168.1.5', '::1']
const NOW = new Date()
const DAY = 86_400_000

describeWith('the local certificate', ['openssl'], ({ openssl }) => {
  let folder: string
  let roots = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-local-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  function newRoot(): string {
    return join(folder, `root-${roots++}`)
  }

  test('is one that openssl takes for each of its names, by the authority that people copy', async () => {
    const root = newRoot()
    const { path } = await keepCertificate(root, NAMES, NOW)
    const ca = authorityCertificatePath(root)
    for (const check of [
      ['-verify_hostname', 'box.local'],
      ['-verify_ip', '192.168.1.5'],
      ['-verify_ip', '::1'],
    ]) {
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', ca, ...check, path]
      expect(await command(openssl, args)).toContain('OK')
    }
    const text = await command(openssl, ['x509', '-in', ca, '-noout', '-text'])
    expect(text).toContain('CA:TRUE, pathlen:0')
    expect(text).toContain('Certificate Sign, CRL Sign')
  })

  test('has its keys in files that nobody else can read', async () => {
    const root = newRoot()
    const { path } = await keepCertificate(root, NAMES, NOW)
    const mode = async (file: string) => (await stat(file)).mode & 0o777
    expect(await mode(path)).toBe(0o600)
    expect(await mode(join(root, 'berth/tls/authority.pem'))).toBe(0o600)
    expect(await mode(authorityCertificatePath(root))).toBe(0o644)
    expect(await readFile(authorityCertificatePath(root), 'utf8')).not.toContain('PRIVATE')
  })

  test('stays as long as names and time allow, and its authority beyond', async () => {
    const root = newRoot()
    const first = await keepCertificate(root, NAMES, NOW)
    const authority = await readFile(authorityCertificatePath(root), 'utf8')
    const at = async (names: readonly string[], days: number) =>
      (await keepCertificate(root, names, new Date(NOW.getTime() + days * DAY))).isNew
    expect(first.isNew).toBe(true)
    expect(await at(NAMES, 0)).toBe(false)
    expect(await at([...NAMES].reverse(), 300)).toBe(false)
    expect(await at(NAMES, 340)).toBe(true)
    expect(await at([...NAMES, '10.0.0.7'], 340)).toBe(true)
    expect(await at(NAMES, 340)).toBe(true)
    expect(await readFile(authorityCertificatePath(root), 'utf8')).toBe(authority)
  })

  test('is made anew where its file is damaged, or another authority has signed it', async () => {
    const root = newRoot()
    const { path } = await keepCertificate(root, NAMES, NOW)
    await writeFile(path, 'nothing')
    expect((await keepCertificate(root, NAMES, NOW)).isNew).toBe(true)
    await rm(join(root, 'berth/tls/authority.pem'))
    expect((await keepCertificate(root, NAMES, NOW)).isNew).toBe(true)
    const issuer = new X509Certificate(await readFile(authorityCertificatePath(root)))
    expect(new X509Certificate(await readFile(path)).verify(issuer.publicKey)).toBe(true)
  })

  test('is not made by an authority that is damaged: who has trusted it must not be surprised', async () => {
    const root = newRoot()
    await keepCertificate(root, NAMES, NOW)
    const path = join(root, 'berth/tls/authority.pem')
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 300))
    expect(keepCertificate(root, NAMES, NOW)).rejects.toThrow(`${path} is damaged`)
  })

  test('has one authority when several processes make it at once, and leaves nothing else behind', async () => {
    const root = newRoot()
    await Promise.all(Array.from({ length: 8 }, () => keepCertificate(root, NAMES, NOW)))
    const { path } = await keepCertificate(root, NAMES, NOW)
    const issuer = new X509Certificate(await readFile(authorityCertificatePath(root)))
    expect(new X509Certificate(await readFile(path)).verify(issuer.publicKey)).toBe(true)
    expect(await readdir(join(root, 'berth/tls'))).toHaveLength(3)
  })
})
