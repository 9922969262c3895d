/**
 * Sends the changes of repositories to the database in commands of bounded size, the small ones of many
 * repositories together. One command is under way while the next one is filled; they take effect in order.
 */
import type { CheckedRepository } from '../../metadata/checks.ts'
import type { Database } from '../../metadata/database.ts'
import { bytesOf, rowsOf, type TreeChange, type TreePart } from './changes.ts'
import { takeFromTreeCommand } from './tree.commands.ts'

const MOST_ROWS = 500
const MOST_BYTES = 4 * 1024 * 1024

export class PartSender {
  readonly #database: Database
  readonly #start: string
  readonly #signal: AbortSignal | null
  #parts: { part: TreePart; changes: TreeChange[] }[] = []
  /** Changes so far. */
  sent = 0
  #rows = 0
  #bytes = 0
  #sending: Promise<unknown> = Promise.resolve()

  /** Once the signal is raised, adding throws. */
  constructor(database: Database, start: string, signal: AbortSignal | null = null) {
    this.#database = database
    this.#start = start
    this.#signal = signal
  }

  async add(repository: CheckedRepository, change: TreeChange): Promise<void> {
    this.#signal?.throwIfAborted()
    if (this.#rows + rowsOf(change) > MOST_ROWS || this.#bytes + bytesOf(change) > MOST_BYTES)
      await this.#send()
    this.#changesOf(repository).push(change)
    this.sent++
    this.#rows += rowsOf(change)
    this.#bytes += bytesOf(change)
  }

  /** The repository has been gone through. */
  async end(repository: CheckedRepository, end: { readonly isListed: boolean }): Promise<void> {
    const changes = this.#changesOf(repository)
    this.#parts.pop()
    this.#parts.push({ part: { ...partOf(repository, changes), end }, changes })
    this.#rows += 1
    if (this.#rows >= MOST_ROWS) await this.#send()
  }

  /** Forgets what was not sent of a repository that could not be read to its end. */
  drop(repository: CheckedRepository): void {
    if (this.#parts.at(-1)?.part.id === repository.id) this.#parts.pop()
  }

  /** Resolves when everything that was added has taken effect. */
  async flush(): Promise<void> {
    await this.#send()
    await this.#sending
  }

  #changesOf(repository: CheckedRepository): TreeChange[] {
    const last = this.#parts.at(-1)
    if (last?.part.id === repository.id) return last.changes
    const changes: TreeChange[] = []
    this.#parts.push({ part: partOf(repository, changes), changes })
    return changes
  }

  async #send(): Promise<void> {
    const parts = this.#parts.map(({ part }) => part)
    this.#parts = []
    this.#rows = 0
    this.#bytes = 0
    await this.#sending
    if (parts.length === 0) return
    this.#sending = this.#database.write(takeFromTreeCommand, { start: this.#start, parts })
    this.#sending.catch(() => {}) // Whoever waits for it next is told.
  }
}

function partOf(repository: CheckedRepository, changes: readonly TreeChange[]): TreePart {
  return { id: repository.id, purpose: repository.isAdopted ? 'check' : 'adopt', changes, end: null }
}
