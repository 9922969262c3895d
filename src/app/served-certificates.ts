/**
 * The certificates that a server shows, from files that somebody renews while it runs: certbot, cert-manager, a person
 * with `cp`. They are looked at every two seconds through whatever links lead to them, which sees a renewal on every
 * kind of mount. A pair that does not belong together, or is half written, is not taken: the old one goes on, and the
 * log says why.
 */
import {
  complaintsAbout,
  type KeyPair,
  parseAuthorities,
  parseKeyPair,
  requireRoots,
} from '../http/certificates.ts'
import { planCiphers, suitKey } from '../http/cipher-suites.ts'
import type { RunningServer } from '../http/server.ts'
import type { TlsOptions } from '../http/tls.ts'
import { Periodic } from '../lib/periodic.ts'
import { codeOf, messageOf } from '../lib/thrown.ts'
import { FileUnreadable, WatchedFile } from '../lib/watched-file.ts'
import type { Log } from '../observability/log.ts'
import type { Reloadable } from './reload.ts'

/** As `http.tls` of the configuration has it. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
  readonly client: { readonly authorities: readonly string[]; readonly mode: 'request' | 'require' } | null
  readonly minimumVersion: TlsOptions['minimumVersion']
  readonly cipherSuites: TlsOptions['cipherSuites']
}

/** What a server with these files cannot do without: the message says which file, what is wrong, and what to do. */
export class TlsUnusable extends Error {
  override readonly name = 'TlsUnusable'
}

const LOOK_EVERY = 2000
/** Of the first files; the others are authorities of clients. */
const SETTINGS = ['http.tls.certificate', 'http.tls.key']

export class ServedCertificates implements Reloadable {
  readonly name = 'the certificates'
  readonly #settings: CertificateFiles
  readonly #log: Log
  readonly #files: readonly WatchedFile<string>[]
  #texts: readonly string[]
  #pair: KeyPair
  #tls: TlsOptions
  /** What was wrong at the last look, and whether it has been told. */
  #trouble: { readonly sentence: string; readonly isTold: boolean } | null = null
  #server: Pick<RunningServer, 'replaceTls'> | null = null
  #looking: Periodic | null = null

  /** Throws TlsUnusable. */
  constructor(settings: CertificateFiles, log: Log) {
    this.#settings = settings
    this.#log = log
    const paths = [settings.certificate, settings.key, ...(settings.client?.authorities ?? [])]
    this.#files = paths.map(
      (path) => new WatchedFile({ path, parse: (bytes) => new TextDecoder().decode(bytes) }),
    )
    const found = explaining(() => this.#read())
    this.#texts = found.texts
    this.#pair = found.pair
    this.#tls = found.tls
  }

  get tls(): TlsOptions {
    return this.#tls
  }

  /** What the operator should know although the server can start, as sentences. */
  complaints(): string[] {
    const { cipherSuites, minimumVersion, certificate } = this.#settings
    const { facts } = this.#pair
    const suitsNobody = minimumVersion === 'tls1.2' && !suitKey(cipherSuites, facts.keyType)
    return [
      ...planCiphers(minimumVersion, cipherSuites).remarks,
      ...complaintsAbout(facts, certificate, new Date()),
      ...(suitsNobody
        ? [
            `None of http.tls.ciphersuites goes with the ${facts.keyType} key of ${certificate}: only clients with TLS 1.3 can connect.`,
          ]
        : []),
    ]
  }

  /** From now on what changes in the files reaches this server, until `stop`. */
  follow(server: Pick<RunningServer, 'replaceTls'>, everyMilliseconds = LOOK_EVERY): void {
    this.#server = server
    this.#looking = new Periodic({
      everyMilliseconds,
      work: async () => this.#look(),
      onError: (error) => this.#log.error({ error }, 'the certificates could not be looked at'),
    })
  }

  async reload(): Promise<string | null> {
    for (const file of this.#files) file.distrust()
    const trouble = this.#take()
    this.#trouble = trouble === null ? null : { sentence: trouble, isTold: true }
    return trouble
  }

  async stop(): Promise<void> {
    await this.#looking?.stop()
  }

  /** Told at the second look, for whoever copies one file after the other has a moment between. */
  #look(): void {
    const sentence = this.#take()
    if (sentence === null) {
      this.#trouble = null
      return
    }
    const isRepeated = this.#trouble?.sentence === sentence
    if (isRepeated && this.#trouble?.isTold === false) this.#log.warn({}, sentence)
    this.#trouble = { sentence, isTold: isRepeated }
  }

  /** Gives the server what is in the files, if that has changed. Gives what is wrong with it. */
  #take(): string | null {
    try {
      const found = this.#read()
      if (found.texts.every((text, index) => text === this.#texts[index])) return null
      this.#server?.replaceTls(found.tls)
      this.#texts = found.texts
      this.#pair = found.pair
      this.#tls = found.tls
    } catch (error) {
      const { message } = unusable(error)
      return `the new certificate is not used, the old one goes on (until ${this.#until()}): ${message}`
    }
    this.#log.info(
      { names: this.#pair.facts.names.join(' '), until: this.#until() },
      `a new certificate is in use: ${this.#settings.certificate}`,
    )
    for (const complaint of complaintsAbout(this.#pair.facts, this.#settings.certificate, new Date()))
      this.#log.warn({}, complaint)
    return null
  }

  #until(): string {
    return this.#pair.facts.validUntil.toISOString()
  }

  #read(): { readonly texts: readonly string[]; readonly pair: KeyPair; readonly tls: TlsOptions } {
    const { client, minimumVersion, cipherSuites } = this.#settings
    const texts = this.#files.map((file, index) => readFor(SETTINGS[index] ?? 'http.tls.clientcas', file))
    const [certificate, key, ...authorities] = this.#files.map(({ path }, index) => ({
      path,
      text: texts[index] ?? '',
    }))
    if (certificate === undefined || key === undefined) throw new Error('a certificate has two files')
    planCiphers(minimumVersion, cipherSuites)
    const pair = parseKeyPair(certificate, key)
    if (client?.mode === 'require') requireRoots(authorities)
    const clients = client === null ? null : { mode: client.mode, authorities: parseAuthorities(authorities) }
    const tls = {
      certificate: pair.certificate,
      key: pair.key,
      client: clients,
      minimumVersion,
      cipherSuites,
    }
    return { texts, pair, tls }
  }
}

function readFor(setting: string, file: WatchedFile<string>): string {
  try {
    return file.current()
  } catch (error) {
    if (!(error instanceof FileUnreadable)) throw error
    throw new TlsUnusable(`${setting}: ${error.message}`, { cause: error.cause })
  }
}

function explaining<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw unusable(error)
  }
}

function unusable(error: unknown): TlsUnusable {
  const message = messageOf(error)
  return new TlsUnusable(`${message.replace(/\.$/, '')}.${permissionHint(error)}`, { cause: error })
}

/** The usual key is root's, mode 0600. */
function permissionHint(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (codeOf(cause) !== 'EACCES') return ''
  const user = process.getuid?.()
  return ` This server runs as user ${user}: give it the right to read the file (chown ${user} FILE), or run it as root.`
}
