/**
 * Reads of the link tree that give way: on a local disk each is made in place and takes microseconds, so thousands in
 * a row would leave no turn to requests. Whoever goes through a whole tree or a long list reads through this.
 */
import type { EntryKind, FileFacts, TreeStore } from '../../storage/tree-store.ts'

/** What is read of the tree. */
export type TreeFiles = Pick<TreeStore, 'list' | 'read' | 'stat' | 'kindOf' | 'isSame'>

/** Milliseconds for which nothing else has its turn. */
const LONGEST_TURN = 4

export class PatientFiles implements TreeFiles {
  readonly #files: TreeFiles
  #turnBegan = performance.now()

  constructor(files: TreeFiles) {
    this.#files = files
  }

  async list(path: string): Promise<string[]> {
    await this.#giveWay()
    return await this.#files.list(path)
  }

  async read(path: string): Promise<Uint8Array | null> {
    await this.#giveWay()
    return await this.#files.read(path)
  }

  async stat(path: string): Promise<FileFacts | null> {
    await this.#giveWay()
    return await this.#files.stat(path)
  }

  async kindOf(path: string): Promise<EntryKind | null> {
    await this.#giveWay()
    return await this.#files.kindOf(path)
  }

  async isSame(one: string, other: string): Promise<boolean> {
    await this.#giveWay()
    return await this.#files.isSame(one, other)
  }

  async #giveWay(): Promise<void> {
    if (performance.now() - this.#turnBegan < LONGEST_TURN) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#turnBegan = performance.now()
  }
}
