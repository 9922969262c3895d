import { afterAll, beforeAll, expect, test } from 'bun:test'
import { copyFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MadeCertificate, makeSelfSigned } from '../../test/certificate-files.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { until } from '../../test/until.ts'
import type { TlsOptions } from '../http/tls.ts'
import { createLog } from '../observability/log.ts'
import { type CertificateFiles, ServedCertificates } from './served-certificates.ts'

describeWith('the certificates of a server', ['openssl'], ({ openssl }) => {
  let folder: string
  let older: MadeCertificate
  let newer: MadeCertificate
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-served-'))
    older = await makeSelfSigned(openssl, folder, { name: 'older' })
    newer = await makeSelfSigned(openssl, folder, { name: 'newer' })
  })
  afterAll(() => rm(folder, { recursive: true }))

  let places = 0
  /** A folder of its own with `cert.pem` and `key.pem`. */
  async function place(pair: MadeCertificate): Promise<MadeCertificate> {
    const own = join(folder, `place-${places++}`)
    await mkdir(own)
    const made = { certificate: join(own, 'cert.pem'), key: join(own, 'key.pem') }
    await copy(pair, made)
    return made
  }

  /** In place, as `cp` does. */
  async function copy(from: MadeCertificate, to: MadeCertificate): Promise<void> {
    await copyFile(from.certificate, to.certificate)
    await copyFile(from.key, to.key)
  }

  function open(files: MadeCertificate, more: Partial<CertificateFiles> = {}) {
    const lines: string[] = []
    const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
    const settings = {
      client: null,
      minimumVersion: 'tls1.2',
      cipherSuites: null,
      ...files,
      ...more,
    } as const
    const certificates = new ServedCertificates(settings, log)
    const given: TlsOptions[] = []
    const server = { replaceTls: (tls: TlsOptions) => void given.push(tls) }
    return { certificates, given, server, lines }
  }

  /** Looks far more often than a server does. */
  async function watched(files: MadeCertificate) {
    const opened = open(files)
    opened.certificates.follow(opened.server, 20)
    return { ...opened, [Symbol.asyncDispose]: () => opened.certificates.stop() }
  }

  async function text(path: string): Promise<string> {
    return await Bun.file(path).text()
  }

  test('reach the server when the files are written anew in their place', async () => {
    const files = await place(older)
    await using opened = await watched(files)
    await copy(newer, files)
    await until('the server has the new one', () => opened.given.length > 0)
    expect(opened.given[0]?.key).toBe(await text(newer.key))
    expect(opened.lines.join('')).toContain(`a new certificate is in use: ${files.certificate}`)
    expect(opened.lines.join('')).not.toContain('level=warning')
  })

  test('reach it when a folder behind a link is exchanged, as Kubernetes does with a Secret', async () => {
    const mount = join(folder, 'secret')
    await mkdir(mount)
    for (const [name, pair] of [
      ['..first', older],
      ['..second', newer],
    ] as const) {
      await mkdir(join(mount, name))
      await copy(pair, { certificate: join(mount, name, 'tls.crt'), key: join(mount, name, 'tls.key') })
    }
    await symlink('..first', join(mount, '..data'))
    for (const name of ['tls.crt', 'tls.key']) await symlink(join('..data', name), join(mount, name))
    await using opened = await watched({ certificate: join(mount, 'tls.crt'), key: join(mount, 'tls.key') })
    await symlink('..second', join(mount, '..next'))
    await rename(join(mount, '..next'), join(mount, '..data'))
    await until('the server has the new one', () => opened.given.length > 0)
    expect(opened.given.map(({ key }) => key)).toEqual([await text(newer.key)])
  })

  test('reach it when links point to the next files, as certbot has them', async () => {
    const live = join(folder, 'live')
    await mkdir(live)
    const links = { certificate: join(live, 'fullchain.pem'), key: join(live, 'privkey.pem') }
    await symlink(older.certificate, links.certificate)
    await symlink(older.key, links.key)
    await using opened = await watched(links)
    for (const [target, link] of [
      [newer.key, links.key],
      [newer.certificate, links.certificate],
    ] as const) {
      await rm(link)
      await symlink(target, link)
    }
    await until('the server has the new one', () => opened.given.length > 0)
    expect(opened.given.at(-1)?.certificate).toBe(await text(newer.certificate))
  })

  test('stay as they are while only one of two files is new; the log says so once, and the pair is taken when it is whole', async () => {
    const files = await place(older)
    await using opened = await watched(files)
    await copyFile(newer.certificate, files.certificate)
    await until('the log says so', () => opened.lines.length > 0)
    expect(opened.lines.join('')).toContain('the new certificate is not used, the old one goes on')
    expect(opened.lines.join('')).toContain('does not belong to the certificate')
    expect(opened.given).toEqual([])
    await copyFile(newer.key, files.key)
    await until('the server has the new one', () => opened.given.length > 0)
    expect(opened.lines.filter((line) => line.includes('is not used'))).toHaveLength(1)
  })

  test('stay as they are when the files are gone, cut off, or no certificates; asked to read them again, they say why', async () => {
    const files = await place(older)
    const { certificates, given } = open(files)
    await rm(files.key)
    expect(await certificates.reload()).toContain(`${files.key} cannot be read`)
    await copyFile(newer.key, files.key)
    await writeFile(files.certificate, (await text(newer.certificate)).slice(0, 200))
    expect(await certificates.reload()).toContain('ends in the middle')
    expect(given).toEqual([])
    expect(certificates.tls.certificate).toBe(await text(older.certificate))
  })

  test('with a key that TLS cannot use are not taken, and reading them again says which file it is', async () => {
    const files = await place(older)
    const { certificates, given } = open(files)
    await copy(await makeSelfSigned(openssl, folder, { name: 'p224', key: 'secp224r1' }), files)
    const sentence = await certificates.reload()
    expect(sentence).toContain('the new certificate is not used, the old one goes on')
    expect(sentence).toContain(`${files.certificate} is for a key that Berth's TLS cannot use`)
    expect(given).toEqual([])
  })

  test('that have not changed are not given to the server again', async () => {
    const { certificates, given, server } = open(await place(older))
    certificates.follow(server, 60_000)
    expect(await certificates.reload()).toBeNull()
    expect(given).toEqual([])
    await certificates.stop()
  })

  test('of clients’ authorities are looked at too', async () => {
    const authority = join(folder, 'clients.pem')
    await copyFile(older.certificate, authority)
    const client = { authorities: [authority], mode: 'require' } as const
    const { certificates, given, server } = open(await place(older), { client })
    certificates.follow(server, 60_000)
    await copyFile(newer.certificate, authority)
    expect(await certificates.reload()).toBeNull()
    expect(given[0]?.client).toEqual({ mode: 'require', authorities: await text(newer.certificate) })
    await certificates.stop()
  })

  test('that cannot be used at the start are refused in a sentence', () => {
    expect(() => open({ certificate: older.certificate, key: newer.key })).toThrow(
      `http.tls: the key in ${newer.key} does not belong to the certificate in ${older.certificate}.`,
    )
    expect(() => open({ certificate: '/nowhere/cert.pem', key: older.key })).toThrow(
      '/nowhere/cert.pem cannot be read',
    )
    expect(() => open(older, { cipherSuites: ['TLS_NOTHING'] })).toThrow('TLS_NOTHING is no cipher suite')
  })

  test('with suites for another sort of key only are complained about', () => {
    const { certificates } = open(older, { cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] })
    expect(certificates.complaints().join()).toContain('goes with the ec key')
  })
})
