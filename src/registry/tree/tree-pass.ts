/**
 * Goes through a whole link tree beside the requests: first the names of all repositories, so that the catalog is
 * right, then each repository that this start has not checked. Of all processes that share the database one does
 * it; whoever takes over from one that died goes on where that one was. A repository that cannot be read is in
 * error: the others go on, and it is asked again at the next start. Until a pass has ended without an error,
 * nothing may be condemned: `findTreeState`.
 */

import { messageOf } from '../../lib/thrown.ts'
import type { CheckedRepository } from '../../metadata/checks.ts'
import { type Read, WriterUnavailable } from '../../metadata/database.ts'
import { DatabaseUnavailable } from '../../metadata/unavailable.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import { repositoryFolder } from '../../storage/layout.ts'
import { lookAboveRepositories } from './blob-folders.ts'
import { PartSender } from './part-sender.ts'
import { claimPassCommand, endPassCommand, findPassEnd, nameRepositoriesCommand } from './tree.commands.ts'
import { listRepositoriesInTree, type RepositoryInTree } from './tree-repositories.ts'
import type { UncheckedTree } from './unchecked-tree.ts'

const NAMES_AT_ONCE = 500
const REPOSITORIES_AT_ONCE = 200
/** Milliseconds for which a process that goes through the tree need not be heard of. */
const LEASE = 30_000
const RENEW_EVERY = LEASE / 3
const TELL_EVERY = 1_000

export interface PassOptions {
  /** This process among all that share the database. */
  readonly process: string
  readonly onProgress: (progress: PassProgress) => void
  /** A repository could not be read. */
  readonly onError: (error: StorageUnavailable) => void
  /** Ends the pass before its end. */
  readonly signal: AbortSignal
}

/** Numbers of repositories. */
export interface PassProgress {
  readonly done: number
  readonly total: number
}

export interface PassResult {
  readonly repositories: number
  /** What the database took over: manifests, blobs and tags. */
  readonly changes: number
  readonly errors: number
}

/** Null where another process goes through the tree, or this one was told to stop. Throws what the database throws, and StorageUnavailable where the names cannot be read. */
export async function goThroughTree(tree: UncheckedTree, options: PassOptions): Promise<PassResult | null> {
  const pass = new TreePass(tree, options)
  // One repository may take long: whoever waits is told that it goes on.
  const telling = setInterval(() => pass.tell(), TELL_EVERY)
  try {
    return await pass.run()
  } finally {
    clearInterval(telling)
  }
}

/** `unknown` until the tree has been gone through in this start; `partly known` where a repository could not be read. */
export type TreeState = 'unknown' | 'partly known' | 'known'

/** What collection must ask first: only of a `known` tree may anything be condemned, and only without a doubt (gc/doubts.ts). */
export async function findTreeState(read: Read, start: string): Promise<TreeState> {
  const end = await findPassEnd(read, start)
  if (end === null) return 'unknown'
  return end.errors === 0 ? 'known' : 'partly known'
}

class TreePass {
  readonly #tree: UncheckedTree
  readonly #options: PassOptions
  readonly #sender: PartSender
  readonly #unreadable = new Set<string>()
  #nameless: string | null = null
  #renewed = 0
  #isOver = false
  #done = 0
  #total = 0

  constructor(tree: UncheckedTree, options: PassOptions) {
    this.#tree = tree
    this.#options = options
    this.#sender = new PartSender(tree.database, tree.start, options.signal)
  }

  async run(): Promise<PassResult | null> {
    const { database, start } = this.#tree
    if (!(await this.#claim())) return null
    await lookAboveRepositories(this.#tree)
    await this.#nameAll()
    if (!(await this.#goesOn())) return null
    // Once more where an earlier start had begun to adopt a repository: what it read may have changed since.
    while ((await this.#checkAll()) > 0);
    if (this.#isOver) return null
    const errors = this.#unreadable.size
    await database.write(endPassCommand, { start, errors, nameless: this.#nameless })
    this.#tree.isChecked = errors === 0
    return { repositories: this.#done, changes: this.#sender.sent, errors }
  }

  async #nameAll(): Promise<void> {
    const { files, findings } = this.#tree
    let found: RepositoryInTree[] = []
    const onUnreadable = (folder: string, error: unknown) => this.#isInError(folder, error)
    const onNameless = (folder: string) => {
      this.#nameless ??= folder
    }
    for await (const repository of listRepositoriesInTree({ files, findings, onUnreadable, onNameless })) {
      if (this.#options.signal.aborted) return
      found.push(repository)
      this.#total++
      if (found.length < NAMES_AT_ONCE) continue
      await this.#tree.database.write(nameRepositoriesCommand, { found })
      found = []
      if (!(await this.#goesOn())) return
    }
    if (found.length > 0) await this.#tree.database.write(nameRepositoriesCommand, { found })
    this.#tree.areNamesKnown = this.#unreadable.size === 0
  }

  /** Gives how many repositories it has checked, or tried to for the first time. */
  async #checkAll(): Promise<number> {
    let after = 0
    let tried = 0
    while (!this.#isOver) {
      const page = await this.#tree.listUnchecked({ after, limit: REPOSITORIES_AT_ONCE })
      for (const repository of page) {
        if (this.#unreadable.has(repositoryFolder(repository.name))) continue
        if (!(await this.#goesOn())) return tried
        await this.#check(repository)
        tried++
      }
      const last = page.at(-1)
      if (last === undefined) break
      after = last.id
    }
    await this.#sender.flush()
    return tried
  }

  async #check(repository: CheckedRepository): Promise<void> {
    try {
      await this.#tree.take(this.#tree, repository, this.#sender)
      this.#done++
      this.#total = Math.max(this.#total, this.#done)
    } catch (error) {
      if (isOfDatabase(error) || this.#options.signal.aborted) throw error
      this.#isInError(repositoryFolder(repository.name), error)
    }
    this.tell()
  }

  tell(): void {
    if (this.#total > 0) this.#options.onProgress({ done: this.#done, total: this.#total })
  }

  #isInError(folder: string, error: unknown): void {
    this.#unreadable.add(folder)
    const sentence = `${folder} cannot be read: ${messageOf(error)}`
    this.#options.onError(new StorageUnavailable(sentence, { cause: error }))
  }

  /** False when it was told to stop, or another process has taken over. */
  async #goesOn(): Promise<boolean> {
    const isMine = performance.now() - this.#renewed < RENEW_EVERY || (await this.#claim())
    this.#isOver ||= this.#options.signal.aborted || !isMine
    return !this.#isOver
  }

  async #claim(): Promise<boolean> {
    const { database, start } = this.#tree
    const isMine = await database.write(claimPassCommand, {
      start,
      process: this.#options.process,
      lease: LEASE,
    })
    this.#renewed = performance.now()
    return isMine
  }
}

/** What stops the pass as a whole: it is no repository's fault. */
function isOfDatabase(error: unknown): boolean {
  return error instanceof DatabaseUnavailable || error instanceof WriterUnavailable
}
