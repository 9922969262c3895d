/**
 * A JSON Web Key Set at a URL. It is fetched when it is first needed, when it has grown old (meanwhile the old
 * one serves), and when a token names a key that it does not have, as after a rotation; the latter not more
 * often than every few seconds, so that made-up keys cause no traffic. What cannot be fetched leaves the keys
 * as they were. Every fetch has a limit of time and of bytes, and follows no redirect.
 */

import { messageOf } from '../../lib/thrown.ts'
import type { Log } from '../../observability/log.ts'
import { type KeySource, parseKeySet, type Trust } from './key-sources.ts'

export interface RemoteKeySourceOptions {
  readonly url: string
  readonly log: Log
  /** Milliseconds between two fetches, at the least. */
  readonly leastInterval?: number
  /** Milliseconds after which it is fetched anew. */
  readonly growsOldAfter?: number
  /** Milliseconds that one fetch may take. */
  readonly patience?: number
}

const LEAST_INTERVAL = 2000
const GROWS_OLD_AFTER = 10 * 60_000
const PATIENCE = 5000
const LARGEST = 1024 * 1024

export class RemoteKeySource implements KeySource {
  readonly #options: Required<RemoteKeySourceOptions>
  #text: string | null = null
  #trust: Trust | null = null
  #fetching: Promise<Trust> | null = null
  #triedAt = Number.NEGATIVE_INFINITY
  /** Why the last fetch failed. */
  #failure: Error | null = null

  constructor(options: RemoteKeySourceOptions) {
    this.#options = {
      leastInterval: LEAST_INTERVAL,
      growsOldAfter: GROWS_OLD_AFTER,
      patience: PATIENCE,
      ...options,
    }
  }

  async trust(): Promise<Trust> {
    if (this.#trust === null) return await this.trustAnew()
    this.#refreshOld()
    return this.#trust
  }

  async trustAnew(): Promise<Trust> {
    if (this.#trust === null) return await this.#fetch()
    if (this.#isTooSoon() && this.#fetching === null) return this.#trust
    try {
      return await this.#fetch()
    } catch (error) {
      this.#complain(error)
      return this.#trust
    }
  }

  peek(): Trust | null {
    if (this.#trust !== null) this.#refreshOld()
    return this.#trust
  }

  async reload(): Promise<string | null> {
    try {
      await this.#fetch()
      return null
    } catch (error) {
      return messageOf(error)
    }
  }

  #refreshOld(): void {
    const isOld = performance.now() - this.#triedAt >= this.#options.growsOldAfter
    if (isOld) this.#fetch().catch((error) => this.#complain(error))
  }

  #isTooSoon(): boolean {
    return performance.now() - this.#triedAt < this.#options.leastInterval
  }

  /** What is under way is waited for; what has failed a moment ago fails again. */
  #fetch(): Promise<Trust> {
    if (this.#fetching === null && this.#trust === null && this.#isTooSoon() && this.#failure !== null)
      return Promise.reject(this.#failure)
    this.#fetching ??= this.#download().finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  async #download(): Promise<Trust> {
    this.#triedAt = performance.now()
    const { url, patience } = this.#options
    try {
      const answer = await fetch(url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(patience),
      })
      if (answer.status !== 200) throw new Error(`it answered ${answer.status}`)
      const text = await readText(answer)
      if (this.#trust === null || text !== this.#text) this.#trust = await parseKeySet(text)
      this.#text = text
      return this.#trust
    } catch (error) {
      const why = messageOf(error)
      this.#failure = new Error(`the keys at ${withoutSecrets(url)} could not be fetched: ${why}`, {
        cause: error,
      })
      throw this.#failure
    }
  }

  #complain(error: unknown): void {
    this.#options.log.error({ error }, 'the keys of tokens stay as they were, for they could not be fetched')
  }
}

/** For the log: a password or a key may stand in an address. */
function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

async function readText(answer: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > LARGEST) throw new Error(`it is larger than ${LARGEST} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
