/** How far the copying of blobs is: a bar on a terminal, elsewhere a line now and again, beside what the command prints. */
import { bar } from '../lib/bar.ts'
import type { BackupProgress } from '../registry/backup/progress.ts'
import { formatBytes } from './amounts.ts'
import type { Terminal } from './terminal.ts'

/** Milliseconds. */
const NOTE_EVERY = 10_000
const DRAW_EVERY = 100

export class BlobProgress {
  readonly #terminal: Terminal
  readonly #doing: string
  #told = performance.now()
  #isDrawn = false

  /** `doing`: what is done to the blobs, such as `copied`. */
  constructor(terminal: Terminal, doing: string) {
    this.#terminal = terminal
    this.#doing = doing
  }

  tell({ done, total, doneBytes, totalBytes }: BackupProgress): void {
    const { draw, note } = this.#terminal
    const now = performance.now()
    if (now - this.#told < (draw === null ? NOTE_EVERY : DRAW_EVERY)) return
    this.#told = now
    const amount = `${done} of ${total} blobs ${this.#doing} (${formatBytes(doneBytes)} of ${formatBytes(totalBytes)})`
    this.#isDrawn = draw !== null
    if (draw === null) note(`${amount}\n`)
    else draw(`${bar(totalBytes === 0 ? 1 : doneBytes / totalBytes)} ${amount}`)
  }

  end(): void {
    if (this.#isDrawn) this.#terminal.draw?.('')
  }
}
