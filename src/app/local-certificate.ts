/**
 * `--tls auto`: an authority of this data folder's own and a certificate of it for the machine's names and addresses,
 * kept in `<root>/berth/tls` and renewed there when these change or its end comes near. The servers take it from there
 * as they take any other, so a renewal reaches all processes.
 *
 *   authority.pem   the authority's key and certificate, mode 0600: made once, by whoever comes first
 *   ca.crt          its certificate alone, for people to copy
 *   <machine>.pem   the server's certificate, the authority's, and the server's key, mode 0600: one file, so that no
 *                   reader sees half of a pair
 */
import { X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Config, TlsConfig } from '../config/config.ts'
import { parseAuthorityPair, parseKeyPair } from '../http/certificates.ts'
import type { Credentials } from '../http/local-authority.ts'
import { machineNames } from '../lib/machine-names.ts'
import { Periodic } from '../lib/periodic.ts'
import { createFile, replaceFile } from '../lib/whole-file.ts'
import type { Log } from '../observability/log.ts'
import { localAuthorityFolder } from '../storage/layout.ts'
import { TlsUnusable } from './served-certificates.ts'

export interface LocalCertificate {
  /** Holds the server's certificate and its key. */
  readonly path: string
  readonly isNew: boolean
}

/** A laptop changes its network. */
const LOOK_EVERY = 60_000
const RENEW_BEFORE = 30 * 86_400_000

/** Where people get the authority's certificate. */
export function authorityCertificatePath(root: string): string {
  return join(root, localAuthorityFolder, 'ca.crt')
}

/**
 * The configuration with files in the place of `auto`, which are kept in order until the closers run; the folder must
 * be claimed. Throws TlsUnusable.
 */
export async function withLocalCertificate(
  config: Config,
  log: Log,
  closers: AsyncDisposableStack,
): Promise<Config> {
  const { http, storage } = config
  if (http.tls?.kind !== 'auto') return config
  if (storage.driver.kind !== 'filesystem') throw new TlsUnusable(NO_FOLDER)
  const { root } = storage.driver
  const names = () => [...new Set([...hostOf(http.host), ...machineNames()])]
  const { path } = await keepCertificate(root, names(), new Date())
  const keeping = new Periodic({
    everyMilliseconds: LOOK_EVERY,
    work: async () => void (await keepCertificate(root, names(), new Date())),
    onError: (error) =>
      log.error({ error }, 'the local certificate could not be renewed; it will be tried again'),
  })
  closers.defer(() => keeping.stop())
  return { ...config, http: { ...http, tls: filesOf(path) } }
}

const NO_FOLDER =
  '--tls auto keeps its authority in the data folder, and storage in memory has none. Use a folder (--data), or files (http.tls.certificate).'

/** Makes what is not there or no longer right. Throws TlsUnusable where what is there is damaged. */
export async function keepCertificate(
  root: string,
  names: readonly string[],
  now: Date,
): Promise<LocalCertificate> {
  const folder = join(root, localAuthorityFolder)
  await mkdir(folder, { recursive: true })
  // First, for in the executable modules run in another order than imports stand in.
  await import('reflect-metadata')
  const authority = await findOrCreateAuthority(folder, now)
  const path = join(
    folder,
    `${hostname()
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-')}.pem`,
  )
  if (await isStillRight(path, authority, names, now)) return { path, isNew: false }
  const { issueCertificate } = await import('../http/local-authority.ts')
  const issued = await issueCertificate(authority, names, now)
  const text = `${issued.certificate}${authority.certificate}${issued.key}`
  await replaceFile({ path, text, mode: 0o600 })
  return { path, isNew: true }
}

/** Of two that come at once one wins, and both have its authority. */
async function findOrCreateAuthority(folder: string, now: Date): Promise<Credentials> {
  const path = join(folder, 'authority.pem')
  let text = await readIfThere(path)
  if (text === null) {
    const { createAuthority } = await import('../http/local-authority.ts')
    const made = await createAuthority(`Berth on ${hostname()}`, now)
    await createFile({ path, text: `${made.key}${made.certificate}`, mode: 0o600 })
    text = await readFile(path, 'utf8')
  }
  const authority = parseAuthority(path, text)
  const published = join(folder, 'ca.crt')
  if ((await readIfThere(published)) !== authority.certificate) {
    await replaceFile({ path: published, text: authority.certificate, mode: 0o644 })
  }
  return authority
}

function parseAuthority(path: string, text: string): Credentials {
  try {
    return parseAuthorityPair({ path, text })
  } catch (cause) {
    throw new TlsUnusable(
      `${path} is damaged. Put it back from a backup; or remove it: then a new authority is made, which every client must be told to trust anew.`,
      { cause },
    )
  }
}

async function isStillRight(
  path: string,
  authority: Credentials,
  names: readonly string[],
  now: Date,
): Promise<boolean> {
  const text = await readIfThere(path)
  if (text === null) return false
  try {
    const { certificate, facts } = parseKeyPair({ path, text }, { path, text })
    const issuer = new X509Certificate(authority.certificate).publicKey
    const known = new Set(facts.names.map(shortest))
    return (
      new X509Certificate(certificate).verify(issuer) &&
      facts.validUntil.getTime() - now.getTime() > RENEW_BEFORE &&
      names.length === known.size &&
      names.every((name) => known.has(shortest(name)))
    )
  } catch {
    return false // A new one takes its place.
  }
}

/** Addresses of IPv6 have several spellings. */
function shortest(name: string): string {
  return name.includes(':') ? new URL(`http://[${name}]/`).hostname : name
}

function hostOf(host: string | null): string[] {
  return host === null ? [] : [new URL(host).hostname.replace(/^\[(.*)\]$/, '$1')]
}

function filesOf(path: string): TlsConfig {
  return {
    kind: 'files',
    certificate: path,
    key: path,
    client: null,
    minimumVersion: 'tls1.2',
    cipherSuites: null,
  }
}

async function readIfThere(path: string): Promise<string | null> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new TlsUnusable(`${path} cannot be read: ${error.message}.`, { cause: error })
  })
}
