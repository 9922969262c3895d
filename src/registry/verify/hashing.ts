/**
 * Hashes stored blobs beside the requests: in pieces, no faster than it may, and in as many pages as a blob of many
 * gigabytes takes. What is under way is kept between the pages of whoever asks for them; where it is lost, it is begun again.
 */
import { algorithmOf, type Digest, digestFrom } from '../../oci/digest.ts'
import type { BlobStore, StoredBytes } from '../../storage/blob-store.ts'

/** The bytes that were hashed, and their digest; or nothing lies there. */
export type Hashed =
  | { readonly kind: 'hashed'; readonly digest: Digest; readonly bytes: StoredBytes }
  | { readonly kind: 'nothing' }

/** How far one part of the work may go. */
export interface HashingLimits {
  readonly pace: Pace
  /** By `performance.now()`. */
  readonly until: number
  readonly signal: AbortSignal
}

interface UnderWay {
  readonly digest: Digest
  readonly bytes: StoredBytes
  readonly hasher: Bun.CryptoHasher
  offset: number
}

/** So many may ask for pages at a time without losing what they had. */
const MOST_UNDER_WAY = 4

export class BlobHashing {
  readonly #blobs: BlobStore
  /** By whom it is for, the one that was asked for last behind. */
  readonly #underWay = new Map<string, UnderWay>()

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
  }

  /** Goes on with a blob. Null where there is more to do: it is to be asked for again. Throws StorageUnavailable. */
  async goOn(run: string, digest: Digest, limits: HashingLimits): Promise<Hashed | null> {
    const bytes = await this.#blobs.identify(digest)
    if (bytes === null) {
      this.#underWay.delete(run)
      return { kind: 'nothing' }
    }
    const work = this.#take(run, digest, bytes)
    if (!(await this.#read(work, limits))) return null
    this.#underWay.delete(run)
    const found = await this.#blobs.identify(digest)
    // Others have taken their place: what was read may be of both.
    if (found?.identity !== bytes.identity || found.size !== work.offset) return null
    return { kind: 'hashed', digest: digestFrom(work.hasher, algorithmOf(digest)), bytes }
  }

  #take(run: string, digest: Digest, bytes: StoredBytes): UnderWay {
    const known = this.#underWay.get(run)
    const isSame = known?.digest === digest && known.bytes.identity === bytes.identity
    const work =
      known !== undefined && isSame
        ? known
        : { digest, bytes, hasher: new Bun.CryptoHasher(algorithmOf(digest)), offset: 0 }
    this.#underWay.delete(run)
    this.#underWay.set(run, work)
    for (const oldest of this.#underWay.keys()) {
      if (this.#underWay.size <= MOST_UNDER_WAY) break
      this.#underWay.delete(oldest)
    }
    return work
  }

  /** True at the end of the bytes. */
  async #read(work: UnderWay, { pace, until, signal }: HashingLimits): Promise<boolean> {
    const rest = { offset: work.offset, length: work.bytes.size - work.offset }
    for await (const chunk of this.#blobs.readBlob(work.digest, rest)) {
      work.hasher.update(chunk)
      work.offset += chunk.byteLength
      await pace.spend(chunk.byteLength, signal)
      if (signal.aborted || (performance.now() > until && work.offset < work.bytes.size)) return false
    }
    return true
  }
}

/** Milliseconds that are not worth a timer, and the most that anybody sleeps before it looks whether it is to stop. */
const SHORTEST_SLEEP = 5
const LONGEST_SLEEP = 500

/** So many bytes a second in the long run. */
export class Pace {
  readonly #bytesPerSecond: number
  #due = performance.now()
  /** All that was spent. */
  bytes = 0

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Resolves when so many bytes are paid for, or nobody wants to wait any more. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    this.bytes += bytes
    this.#due = Math.max(this.#due, performance.now()) + (bytes / this.#bytesPerSecond) * 1000
    for (let left = this.#due - performance.now(); left > SHORTEST_SLEEP && !signal.aborted; ) {
      await Bun.sleep(Math.min(left, LONGEST_SLEEP))
      left = this.#due - performance.now()
    }
  }
}
