/**
 * A small file that somebody else may change at any time: what is in it now, read again only when it has
 * changed. A look costs a microsecond, so there is one for each question and no watcher that may miss something.
 *
 * A change is seen by time, size and inode, whether the file was replaced or rewritten in place. Two rewrites
 * within one tick of the file system's clock have the same time: so for a while after a change the bytes
 * themselves are looked at. Who rewrites a file in place empties it first: `settled` waits that out.
 */
import { readFileSync, type Stats, statSync } from 'node:fs'

/** The file cannot be read. The message says why, and names the file. */
export class FileUnreadable extends Error {
  override readonly name = 'FileUnreadable'
}

export interface WatchedFileOptions<Value> {
  readonly path: string
  /** Throws where the content cannot be used: it is thrown on, and tried again at the next look. */
  parse(bytes: Uint8Array): Value
  /** Milliseconds, on a clock that never goes back. */
  now?(): number
}

/** FAT, the coarsest in use, counts in steps of two seconds. */
const COARSEST_TICK = 2500
/** How often the bytes are looked at while the time may not tell. */
const SAME_TICK_LOOKS = 20
/** Within this time after a change it may be half written. */
const REWRITE_TAKES = 250
/** Nobody's list of users or keys is larger. */
const LARGEST = 16 * 1024 * 1024

export class WatchedFile<Value> {
  readonly path: string
  readonly #parse: (bytes: Uint8Array) => Value
  readonly #now: () => number
  #content: { readonly bytes: Uint8Array; readonly value: Value } | null = null
  #stats: Stats | null = null
  #statsSince = 0
  #readAt = 0
  #wasRead = false
  #changedAt = Number.NEGATIVE_INFINITY

  constructor({ path, parse, now = () => performance.now() }: WatchedFileOptions<Value>) {
    this.path = path
    this.#parse = parse
    this.#now = now
  }

  /** What is in the file now. Throws FileUnreadable, and what `parse` throws. */
  current(): Value {
    const stats = this.#look()
    const now = this.#now()
    const isSame = this.#stats !== null && isSameVersion(this.#stats, stats)
    if (this.#content !== null && isSame && !this.#mayDeceive(now)) return this.#content.value
    if (!isSame) this.#statsSince = now
    return this.#read(stats, now)
  }

  /** Reads it at the next look whatever its time says. */
  distrust(): void {
    this.#stats = null
  }

  /** Whether it has changed so lately that it may be half written. */
  get isSettling(): boolean {
    return this.#now() - this.#changedAt < REWRITE_TAKES
  }

  /** Resolves when whoever is rewriting the file has had the time to do so. */
  async settled(): Promise<void> {
    const left = REWRITE_TAKES - (this.#now() - this.#changedAt)
    if (left > 0) await Bun.sleep(left)
  }

  #look(): Stats {
    try {
      return statSync(this.path)
    } catch (error) {
      throw this.#lost(error)
    }
  }

  #mayDeceive(now: number): boolean {
    return now - this.#statsSince < COARSEST_TICK && now - this.#readAt >= SAME_TICK_LOOKS
  }

  #read(stats: Stats, now: number): Value {
    if (!stats.isFile()) throw this.#lost(new Error('it is no file'), stats)
    if (stats.size > LARGEST) throw this.#lost(new Error(`it is larger than ${LARGEST} bytes`))
    try {
      const bytes = readFileSync(this.path)
      this.#readAt = now
      this.#stats = stats
      if (this.#content !== null && Buffer.compare(this.#content.bytes, bytes) === 0)
        return this.#content.value
      this.#forget(now)
      const value = this.#parse(bytes)
      this.#content = { bytes, value }
      return value
    } catch (error) {
      throw isSystemError(error) ? this.#lost(error) : error
    }
  }

  /** What was in it is so no longer. */
  #forget(now: number): void {
    if (this.#wasRead) this.#changedAt = now
    this.#content = null
    this.#wasRead = true
  }

  #lost(error: unknown, stats?: Stats): FileUnreadable {
    if (this.#content !== null) this.#forget(this.#now())
    this.#stats = null
    const why = stats?.isDirectory()
      ? ': it is a folder. Docker makes one where a mounted file is missing'
      : ''
    const reason = error instanceof Error && why === '' ? `: ${error.message}` : why
    return new FileUnreadable(`${this.path} cannot be read${reason}`, { cause: error })
  }
}

function isSameVersion(a: Stats, b: Stats): boolean {
  return (
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.size === b.size &&
    a.ino === b.ino &&
    a.dev === b.dev
  )
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
