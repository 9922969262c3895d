/**
 * Keeps distribution's link tree in step with the database, so that `registry:2` can be started on the same
 * folder at any time. After each commit and before anyone is answered, `settle` makes every path that the
 * commit marked show what the database says; about once a second `flush` makes those files durable and
 * forgets the marks; after a crash `replay` goes through the marks that are left.
 *
 * Whoever writes a path holds it and reads the database while holding it: two writers cannot cross.
 * Nothing here decides what exists; the database does.
 */

import { isBlobLinked } from '../../metadata/blobs.ts'
import type { Database, Read, Session, SettlingSession } from '../../metadata/database.ts'
import { findPayload, hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName, isRepositoryDeleted } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import {
  listNewestPathDirt,
  listPathDirt,
  listTreeDirt,
  type MadeMark,
  type TreeDirt,
  type TreeMark,
  treePath,
} from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import {
  blobDataPath,
  layerLinkPath,
  layersFolder,
  revisionLinkPath,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
} from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import { removeEmptied } from './emptied-folders.ts'
import { clearMarksCommand, forgetOvertakenCommand, noteShownCommand } from './link-tree.commands.ts'
import { findOvertaken } from './overtaken-marks.ts'

const PATHS_AT_ONCE = 1_000
const VALUES_AT_ONCE = 1_000
/** What a tag has named just now: more than one where several moves share a commit. `flush` goes through the rest. */
const NEWEST_VALUES = 16
/** Milliseconds: a mark that has stood for longer than a few flushes belongs to nobody who lives. */
const ABANDONED_AFTER = 10_000

/** The path does not show all of it yet: it stays marked, and the next flush goes on. */
const UNFINISHED = Symbol('unfinished')

/** Where marks are found and forgotten outside a commit: sessions that see what is committed, and writes. */
export interface TreeDatabase extends Pick<Database, 'write'> {
  inSession<T>(work: (session: Session) => Promise<T>): Promise<T>
}

/** A path that shows the database as it is after the mark `upTo`, and the files that must be synced for it. */
interface Shown {
  readonly mark: TreeMark
  readonly upTo: number
  readonly files: readonly string[]
}

export class LinkTree {
  readonly #store: TreeStore
  readonly #boot: string | null
  /** Marked in this process and not yet durable on disk. */
  #dirty = new Map<string, TreeMark>()
  /** A sync of files failed: what they seem to hold may not be on disk, so they are written once more. */
  #isInDoubt = false

  /** `boot` is the run of the machine (`findBootId`), null where it is not known or the store goes with the process. */
  constructor(store: TreeStore, boot: string | null) {
    this.#store = store
    this.#boot = boot
  }

  /** One path that cannot be written keeps no other from being shown: its mark stays, and `flush` tries again. */
  async settle(
    session: SettlingSession,
    marks: readonly MadeMark[],
  ): Promise<ReadonlyMap<string, StorageUnavailable>> {
    const paths = new Map(marks.map((mark) => [treePath(mark), mark]))
    for (const [path, mark] of paths) this.#dirty.set(path, mark)
    const failures = await eachPath(paths, (path, mark) =>
      session.exclusively(path, async () => {
        const newest = mark.kind === 'tag' ? await listNewestPathDirt(session, mark, NEWEST_VALUES) : []
        await this.#show(session, mark, newest.toReversed())
      }),
    )
    await this.#noteShown(
      session,
      [...paths.values()].filter((mark) => !failures.has(treePath(mark))),
    )
    return failures
  }

  /** Before the answer: what was answered and is not there at the next start has been changed by somebody else. */
  async #noteShown(session: SettlingSession, marks: readonly MadeMark[]): Promise<void> {
    const ids = marks.filter(({ kind }) => kind !== 'payload').map(({ id }) => id)
    if (this.#boot === null || ids.length === 0) return
    await session.write(noteShownCommand, { ids, at: Date.now() })
  }

  /**
   * Makes what was settled since the last call durable, and forgets its marks; what comes meanwhile waits for the
   * next call. Takes along what others left behind: a replica may have died between commit and settling.
   * Throws StorageUnavailable where a path could not be written, after all others have been.
   */
  async flush(database: TreeDatabase): Promise<void> {
    await this.#takeAbandoned(database)
    const paths = [...this.#dirty]
    const failures: StorageUnavailable[] = []
    for (let from = 0; from < paths.length; from += PATHS_AT_ONCE) {
      failures.push(...(await this.#flushPage(database, new Map(paths.slice(from, from + PATHS_AT_ONCE)))))
    }
    if (failures[0] !== undefined) throw failures[0]
    this.#isInDoubt = false
  }

  /**
   * Settles every mark that a crash left behind, before the port opens, save those that another registry has
   * overtaken since: they are forgotten. Gives what could not be settled: the rest can be served all the same, and
   * `flush` tries again.
   */
  async replay(database: TreeDatabase): Promise<readonly StorageUnavailable[]> {
    const failures: StorageUnavailable[] = []
    let after: number | null = 0
    while (after !== null) {
      const from: number = after
      const dirt = await database.inSession((session) =>
        listTreeDirt(session, { after: from, limit: PATHS_AT_ONCE }),
      )
      failures.push(
        ...(await this.#replayPage(database, new Map(dirt.map((mark) => [treePath(mark), mark])))),
      )
      after = dirt.at(-1)?.id ?? null
    }
    return failures
  }

  async #replayPage(
    database: TreeDatabase,
    paths: ReadonlyMap<string, TreeMark>,
  ): Promise<readonly StorageUnavailable[]> {
    try {
      const failures = await this.#forgetOvertaken(database, paths)
      return [...failures, ...(await this.#flushPage(database, paths))]
    } catch (error) {
      if (error instanceof StorageUnavailable) return [error]
      throw error
    }
  }

  async #forgetOvertaken(
    database: TreeDatabase,
    paths: ReadonlyMap<string, TreeMark>,
  ): Promise<readonly StorageUnavailable[]> {
    const overtaken: { mark: TreeMark; upTo: number }[] = []
    const failures = await database.inSession((session) =>
      eachPath(paths, (path, mark) =>
        session.exclusively(path, async () => {
          const upTo = await findOvertaken({ read: session, files: this.#store, boot: this.#boot }, mark)
          if (upTo !== null) overtaken.push({ mark, upTo })
        }),
      ),
    )
    if (overtaken.length > 0) await database.write(forgetOvertakenCommand, { marks: overtaken })
    return [...failures.values()]
  }

  async #takeAbandoned(database: TreeDatabase): Promise<void> {
    const oldest = await database.inSession((session) =>
      listTreeDirt(session, { after: 0, limit: PATHS_AT_ONCE }),
    )
    const before = Date.now() - ABANDONED_AFTER
    for (const mark of oldest) if (mark.markedAt < before) this.#dirty.set(treePath(mark), mark)
  }

  /** Gives what could not be written. Throws StorageUnavailable where what was written could not be made durable. */
  async #flushPage(
    database: TreeDatabase,
    paths: ReadonlyMap<string, TreeMark>,
  ): Promise<readonly StorageUnavailable[]> {
    for (const path of paths.keys()) this.#dirty.delete(path)
    const shown: Shown[] = []
    try {
      const failures = await database.inSession((session) =>
        eachPath(paths, async (path, mark) => {
          shown.push(...(await session.exclusively(path, () => this.#showMarked(session, mark))))
        }),
      )
      await this.#sync(shown.flatMap(({ files }) => files))
      await database.write(clearMarksCommand, { marks: shown.map(({ mark, upTo }) => ({ mark, upTo })) })
      for (const path of failures.keys()) this.#markAgain(paths, path)
      return [...failures.values()]
    } catch (error) {
      for (const path of paths.keys()) this.#markAgain(paths, path)
      throw error
    }
  }

  #markAgain(paths: ReadonlyMap<string, TreeMark>, path: string): void {
    const mark = paths.get(path)
    if (mark !== undefined) this.#dirty.set(path, mark)
  }

  async #sync(files: readonly string[]): Promise<void> {
    try {
      await this.#store.sync(files)
    } catch (error) {
      this.#isInDoubt = true
      throw error
    }
  }

  /** Empty where the path is not marked any more. */
  async #showMarked(read: Read, mark: TreeMark): Promise<Shown[]> {
    const dirt = await listPathDirt(read, mark, VALUES_AT_ONCE)
    const upTo = dirt.at(-1)?.id
    if (upTo === undefined) return []
    if (dirt.length === VALUES_AT_ONCE) this.#dirty.set(treePath(mark), mark)
    const files = await this.#show(read, mark, dirt)
    if (files !== UNFINISHED) return [{ mark, upTo, files }]
    this.#dirty.set(treePath(mark), mark)
    return []
  }

  /**
   * Makes one path, held by the caller, show what the database says; gives the files that this is about.
   * `dirt` is what a tag has named lately, oldest first.
   */
  async #show(read: Read, mark: TreeMark, dirt: readonly TreeDirt[]): Promise<string[] | typeof UNFINISHED> {
    if (mark.kind === 'payload') return await this.#showPayload(read, mark.key)
    const { kind, repositoryId, key } = mark
    const name = await findRepositoryName(read, repositoryId)
    if (name === null) return []
    switch (kind) {
      case 'repository': {
        const isGone = await isRepositoryDeleted(read, repositoryId)
        if (isGone && !(await removeEmptied(this.#store, name))) return UNFINISHED
        return [layersFolder(name)]
      }
      case 'tag':
        return await this.#showTag(name, key, await findTagDigest(read, repositoryId, key), dirt)
      case 'revision':
        return await this.#showLink(
          revisionLinkPath(name, key),
          key,
          await hasManifest(read, repositoryId, key),
        )
      case 'layer':
        return await this.#showLink(
          layerLinkPath(name, key),
          key,
          await isBlobLinked(read, repositoryId, key),
        )
    }
  }

  async #showPayload(read: Read, digest: Digest): Promise<string[]> {
    const path = blobDataPath(digest)
    const bytes = await findPayload(read, digest)
    if (bytes !== null) await this.#put(path, bytes)
    return [path]
  }

  /** distribution keeps an index of every digest that a tag has named, beside the current link. */
  async #showTag(
    name: RepositoryName,
    tag: Tag,
    digest: Digest | null,
    dirt: readonly TreeDirt[],
  ): Promise<string[]> {
    if (digest === null) {
      await this.#store.removeFolder(tagFolder(name, tag))
      return [tagFolder(name, tag)]
    }
    const indexLinks = [...new Set([...valuesSinceAbsence(dirt), digest])].map((each) => ({
      path: tagIndexLinkPath(name, tag, each),
      each,
    }))
    for (const { path, each } of indexLinks) await this.#put(path, linkTo(each))
    const current = tagLinkPath(name, tag)
    await this.#put(current, linkTo(digest))
    return [...indexLinks.map(({ path }) => path), current]
  }

  async #showLink(path: string, digest: Digest, exists: boolean): Promise<string[]> {
    if (exists) await this.#put(path, linkTo(digest))
    else await this.#store.remove(path)
    return [path]
  }

  /** A file that already holds the bytes is left alone: it may be durable, and the new one would not be yet. */
  async #put(path: string, bytes: Uint8Array): Promise<void> {
    const present = this.#isInDoubt ? null : await this.#store.read(path)
    if (present === null || !equal(present, bytes)) await this.#store.write(path, bytes)
  }
}

/** A link file is the digest, without a newline (distribution's layout). */
function linkTo(digest: Digest): Uint8Array {
  return new TextEncoder().encode(digest)
}

/** The digests that a tag named since it last did not exist. */
function valuesSinceAbsence(dirt: readonly Pick<TreeDirt, 'value'>[]): Digest[] {
  const values = dirt.map(({ value }) => value)
  return values.slice(values.lastIndexOf(null) + 1).filter((value) => value !== null)
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0
}

/** Does the work for every path, and gives those at which the storage failed. Any other error is thrown. */
async function eachPath(
  paths: ReadonlyMap<string, TreeMark>,
  work: (path: string, mark: TreeMark) => Promise<void>,
): Promise<ReadonlyMap<string, StorageUnavailable>> {
  const failures = new Map<string, StorageUnavailable>()
  for (const [path, mark] of paths) {
    try {
      await work(path, mark)
    } catch (error) {
      if (!(error instanceof StorageUnavailable)) throw error
      failures.set(path, error)
    }
  }
  return failures
}
