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
import type { Database, Read, Session } from '../../metadata/database.ts'
import { findPayload, hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName, type RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import {
  listNewestPathDirt,
  listPathDirt,
  listTreeDirt,
  type TreeDirt,
  type TreeMark,
} from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
} from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import { clearMarksCommand } from './link-tree.commands.ts'

const PATHS_AT_ONCE = 1_000
const VALUES_AT_ONCE = 1_000
/** What a tag has named just now: more than one where several moves share a commit. `flush` goes through the rest. */
const NEWEST_VALUES = 16

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
  /** Marked in this process and not yet durable on disk. */
  #dirty = new Map<string, TreeMark>()
  /** A sync of files failed: what they seem to hold may not be on disk, so they are written once more. */
  #isInDoubt = false

  constructor(store: TreeStore) {
    this.#store = store
  }

  /** Throws StorageUnavailable where the tree cannot be written; the marks stay, and are tried again by `flush`. */
  async settle(session: Session, marks: readonly TreeMark[]): Promise<void> {
    const paths = new Map(marks.map((mark) => [pathOf(mark), mark]))
    for (const [path, mark] of paths) this.#dirty.set(path, mark)
    for (const [path, mark] of paths) {
      await session.exclusively(path, async () => {
        const newest = mark.kind === 'tag' ? await listNewestPathDirt(session, mark, NEWEST_VALUES) : []
        await this.#show(session, mark, newest.toReversed())
      })
    }
  }

  /** Makes what was settled since the last call durable, and forgets its marks. Throws StorageUnavailable. */
  async flush(database: TreeDatabase): Promise<void> {
    await this.#flushAll(database)
    this.#isInDoubt = false
  }

  async #flushAll(database: TreeDatabase): Promise<void> {
    while (this.#dirty.size > 0) {
      const marks = [...this.#dirty].slice(0, PATHS_AT_ONCE)
      for (const [path] of marks) this.#dirty.delete(path)
      try {
        await this.#flush(database, marks)
      } catch (error) {
        for (const [path, mark] of marks) this.#dirty.set(path, mark)
        throw error
      }
    }
  }

  /** Settles every mark that a crash left behind. Before the port opens. Throws StorageUnavailable. */
  async replay(database: TreeDatabase): Promise<void> {
    let after: number | null = 0
    while (after !== null) {
      const from: number = after
      after = await database.inSession((session) => this.#replayPage(session, from))
      await this.flush(database)
    }
  }

  /** A path that cannot be written does not keep the others from becoming durable; its error is thrown in the end. */
  async #flush(database: TreeDatabase, marks: readonly (readonly [string, TreeMark])[]): Promise<void> {
    const shown: Shown[] = []
    const failures: StorageUnavailable[] = []
    await database.inSession(async (session) => {
      for (const [path, mark] of marks) {
        try {
          shown.push(...(await session.exclusively(path, () => this.#showMarked(session, mark))))
        } catch (error) {
          if (!(error instanceof StorageUnavailable)) throw error
          failures.push(error)
        }
      }
    })
    await this.#store.sync(shown.flatMap(({ files }) => files)).catch((error) => {
      this.#isInDoubt = true
      throw error
    })
    await database.write(clearMarksCommand, { shown: shown.map(({ mark, upTo }) => ({ mark, upTo })) })
    if (failures[0] !== undefined) throw failures[0]
  }

  /** Empty where the path is not marked any more. */
  async #showMarked(read: Read, mark: TreeMark): Promise<Shown[]> {
    const dirt = await listPathDirt(read, mark, VALUES_AT_ONCE)
    const upTo = dirt.at(-1)?.id
    if (upTo === undefined) return []
    if (dirt.length === VALUES_AT_ONCE) this.#dirty.set(pathOf(mark), mark)
    return [{ mark, upTo, files: await this.#show(read, mark, dirt) }]
  }

  /** Settles one page of marks, and gives the id after which the next one begins; null after the last. */
  async #replayPage(session: Session, after: number): Promise<number | null> {
    const dirt = await listTreeDirt(session, { after, limit: PATHS_AT_ONCE })
    await this.settle(session, dirt)
    return dirt.at(-1)?.id ?? null
  }

  /**
   * Makes one path, held by the caller, show what the database says; gives the files that this is about.
   * `dirt` is what a tag has named lately, oldest first.
   */
  async #show(read: Read, mark: TreeMark, dirt: readonly TreeDirt[]): Promise<string[]> {
    if (mark.kind === 'payload') return await this.#showPayload(read, mark.key as Digest)
    const name = await findRepositoryName(read, mark.repositoryId)
    if (name === null) return []
    const repository = mark.repositoryId as RepositoryId
    switch (mark.kind) {
      case 'tag':
        return await this.#showTag(read, name, mark, dirt)
      case 'revision': {
        const digest = mark.key as Digest
        return await this.#showLink(
          revisionLinkPath(name, digest),
          digest,
          await hasManifest(read, repository, digest),
        )
      }
      case 'layer': {
        const digest = mark.key as Digest
        return await this.#showLink(
          layerLinkPath(name, digest),
          digest,
          await isBlobLinked(read, repository, digest),
        )
      }
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
    read: Read,
    name: RepositoryName,
    mark: TreeMark,
    dirt: readonly TreeDirt[],
  ): Promise<string[]> {
    const tag = mark.key as Tag
    const digest = await findTagDigest(read, mark.repositoryId as RepositoryId, tag)
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
function valuesSinceAbsence(dirt: readonly { readonly value: string | null }[]): Digest[] {
  const values = dirt.map((each) => each.value)
  return values.slice(values.lastIndexOf(null) + 1) as Digest[]
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0
}

function pathOf(mark: TreeMark): string {
  return `${mark.kind}/${mark.repositoryId}/${mark.key}`
}
