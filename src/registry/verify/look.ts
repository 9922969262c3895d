/**
 * One page of verification while it is made: where it looks, how far it may go, and what it has found. Whatever one file
 * does, the others are looked at: what cannot be read is told, and nothing is concluded from it.
 */
import { nextTurn } from '../../lib/next-turn.ts'
import { messageOf } from '../../lib/thrown.ts'
import type { Read } from '../../metadata/database.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import type { Registry } from '../registry.ts'
import { type Counted, NO_COUNTS, type VerifyCounts } from './counts.ts'
import { finding, type VerifyFinding } from './finding.ts'
import { type BlobHashing, type HashingLimits, Pace } from './hashing.ts'

export interface VerifyPlace {
  readonly registry: Registry
  readonly hashing: BlobHashing
}

export interface VerifyOptions {
  /** Hashes every blob, instead of asking for its size. */
  readonly deep: boolean
  /** Mends what can be mended. */
  readonly repair: boolean
  /** Hashes no more than that. */
  readonly bytesPerSecond: number
  readonly signal: AbortSignal
}

/** Where a step goes on: in a repository, in one of its folders, after a name. */
export interface Position {
  readonly repository: number
  readonly part: string
  readonly after: string
}

export const BEGIN: Position = { repository: 0, part: '', after: '' }

const FINDINGS_AT_ONCE = 200

export class Look {
  readonly place: VerifyPlace
  readonly options: VerifyOptions
  /** By whom the pages are asked for. */
  readonly run: string
  readonly limits: HashingLimits
  readonly findings: VerifyFinding[] = []
  #counts: Omit<VerifyCounts, 'hashedBytes'> = NO_COUNTS

  constructor(
    place: VerifyPlace,
    options: VerifyOptions,
    { run, milliseconds }: { readonly run: string; readonly milliseconds: number },
  ) {
    this.place = place
    this.options = options
    this.run = run
    const pace = new Pace(options.bytesPerSecond)
    this.limits = { pace, until: performance.now() + milliseconds, signal: options.signal }
  }

  get registry(): Registry {
    return this.place.registry
  }

  get read(): Read {
    return this.place.registry.database
  }

  get counts(): VerifyCounts {
    return { ...this.#counts, hashedBytes: this.limits.pace.bytes }
  }

  get isOver(): boolean {
    return (
      performance.now() > this.limits.until ||
      this.findings.length >= FINDINGS_AT_ONCE ||
      this.options.signal.aborted
    )
  }

  count(what: Counted): void {
    this.#counts = { ...this.#counts, [what]: this.#counts[what] + 1 }
  }

  tell(found: VerifyFinding): void {
    this.findings.push(found)
  }

  /**
   * Looks at one after another, at one at least, until the page is over. Where the next page goes on: behind the one that
   * was looked at last; null at their end.
   */
  async through<Item>(
    items: AsyncIterable<Item>,
    from: Position,
    { nameOf, work }: { nameOf(item: Item): string; work(item: Item): Promise<void> },
  ): Promise<Position | null> {
    for await (const item of items) {
      await work(item)
      if (this.isOver) return { ...from, after: nameOf(item) }
    }
    return null
  }

  /** Looks at one file, and lets others have their turn. `otherwise` where it cannot be read. */
  async at<T>(path: string, work: () => Promise<T>, otherwise: T): Promise<T> {
    await nextTurn()
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StorageUnavailable)) throw error
      this.tell(unreadable(path, error))
      return otherwise
    }
  }
}

export function unreadable(path: string, error: unknown): VerifyFinding {
  const message = `${path} could not be looked at, so nothing is known of it: ${messageOf(error)}`
  return finding('unreadable', message, { path })
}
