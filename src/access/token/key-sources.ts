/**
 * Where trusted keys come from: a file of certificates, a file with a JSON Web Key Set, or a URL with one. Files
 * are read again when they change, a URL when it is old or when a token names a key that is not there yet. What
 * cannot be read later leaves the keys as they were, and says so: a broken file must not lock everybody out.
 */
import type { JWK } from 'jose'
import { z } from 'zod'
import { messageOf } from '../../lib/thrown.ts'
import { WatchedFile } from '../../lib/watched-file.ts'
import type { Log } from '../../observability/log.ts'
import { type ChainCertificate, parseCertificates } from './certificate-chain.ts'
import { indexKeys, type KeyIndex } from './key-index.ts'

/** Keys, and the certificates that may vouch for others. Another object after every change. */
export interface Trust {
  readonly keys: KeyIndex
  readonly roots: readonly ChainCertificate[]
}

export interface KeySource {
  /** What is trusted now. Throws where nothing has been read yet, and nothing can be. */
  trust(): Promise<Trust>
  /** For a key that is not there: looks for it anew where that may help. Throws where that is not possible and nothing is known. */
  trustAnew(): Promise<Trust>
  /** What was given last, without waiting, once it was read: to see that it has changed. */
  peek(): Trust | null
  /** Reads everything again. Gives what is wrong, or null. */
  reload(): Promise<string | null>
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })

/** Throws where the text is no JSON Web Key Set (RFC 7517 §5), or one of keys that are of no use here. */
export async function parseKeySet(text: string): Promise<Trust> {
  const parsed = keySetSchema.safeParse(JSON.parse(text))
  if (!parsed.success) throw new Error('it is no JSON Web Key Set: there is no list of keys in it')
  const given = parsed.data.keys as JWK[]
  const keys = await indexKeys(given)
  if (keys.size === 0 && given.length > 0) throw new Error('none of its keys can be used to check tokens')
  return { keys, roots: [] }
}

/** Throws where the text holds no certificate. */
export async function parseRootBundle(text: string): Promise<Trust> {
  const roots = parseCertificates(text)
  return {
    keys: await indexKeys(roots.map(({ x509 }) => x509.publicKey.export({ format: 'jwk' }) as JWK)),
    roots,
  }
}

/** How often a file is looked at: a request more or less with an old key makes no difference. */
const LOOK_EVERY = 1000

export interface FileKeySourceOptions {
  readonly path: string
  parse(text: string): Promise<Trust>
  readonly log: Log
}

export class FileKeySource implements KeySource {
  readonly #file: WatchedFile<Promise<Trust>>
  readonly #options: FileKeySourceOptions
  /** What was read last; it may not be parsed yet. */
  #reading: Promise<Trust> | null = null
  #trust: Trust | null = null
  #lookedAt = Number.NEGATIVE_INFINITY
  /** What was wrong at the last look, and was told. */
  #told: string | null = null

  constructor(options: FileKeySourceOptions) {
    this.#options = options
    const parse = (bytes: Uint8Array) => options.parse(new TextDecoder().decode(bytes))
    this.#file = new WatchedFile({ path: options.path, parse })
  }

  async trust(): Promise<Trust> {
    if (this.#trust !== null && performance.now() - this.#lookedAt < LOOK_EVERY) return this.#trust
    return await this.trustAnew()
  }

  async trustAnew(): Promise<Trust> {
    try {
      const trust = await this.#read()
      this.#told = null
      return trust
    } catch (error) {
      if (this.#trust === null) throw error
      this.#complain(this.#sentence(error))
      return this.#trust
    }
  }

  /** Once for each thing that is wrong, however many tokens come meanwhile. */
  #complain(sentence: string): void {
    if (sentence === this.#told) return
    this.#told = sentence
    this.#options.log.error({}, `the keys of tokens stay as they were: ${sentence}`)
  }

  /** Looks whether the file has changed; what has is read for the next token. */
  peek(): Trust | null {
    if (performance.now() - this.#lookedAt >= LOOK_EVERY) this.trustAnew().catch(() => undefined)
    return this.#trust
  }

  async reload(): Promise<string | null> {
    this.#file.distrust()
    try {
      await this.#read()
      return null
    } catch (error) {
      return this.#sentence(error)
    }
  }

  /** What takes longer to parse than what was read after it comes too late. */
  async #read(): Promise<Trust> {
    this.#lookedAt = performance.now()
    const reading = this.#file.current()
    this.#reading = reading
    const trust = await reading
    if (this.#reading === reading) this.#trust = trust
    return trust
  }

  #sentence(error: unknown): string {
    const message = messageOf(error)
    return message.startsWith(this.#options.path) ? message : `${this.#options.path}: ${message}`
  }
}

/** Several sources as one. While one of them has nothing yet, the others serve: `trust` gives what there is. */
export function joined(sources: readonly KeySource[]): KeySource {
  const together = remembering(join)
  return {
    async trust() {
      const asked = await Promise.allSettled(sources.map((source) => source.trust()))
      const known = asked.filter((each) => each.status === 'fulfilled').map(({ value }) => value)
      const [failed] = asked.filter((each) => each.status === 'rejected')
      if (known.length === 0 && failed !== undefined) throw failed.reason
      return together(known)
    },
    trustAnew: async () => together(await Promise.all(sources.map((source) => source.trustAnew()))),
    peek: () => together(sources.map((source) => source.peek()).filter((each) => each !== null)),
    async reload() {
      const problems = await Promise.all(sources.map((source) => source.reload()))
      const found = problems.filter((each) => each !== null)
      return found.length === 0 ? null : found.join('; ')
    },
  }
}

/** Of several keys with one id that of the first source counts. */
function join(parts: readonly Trust[]): Trust {
  return {
    keys: new Map(parts.toReversed().flatMap(({ keys }) => [...keys])),
    roots: parts.flatMap(({ roots }) => roots),
  }
}

/** The same object for the same parts. */
function remembering(make: (parts: readonly Trust[]) => Trust): (parts: readonly Trust[]) => Trust {
  let last: { readonly parts: readonly Trust[]; readonly whole: Trust } | null = null
  return (parts) => {
    if (
      last === null ||
      last.parts.length !== parts.length ||
      last.parts.some((part, index) => part !== parts[index])
    ) {
      last = { parts, whole: make(parts) }
    }
    return last.whole
  }
}
