/**
 * Makes an empty folder show a database that was restored, as distribution would have written it: bytes of manifests,
 * links, tags with what they have named, and the folders of repositories that are listed although they are empty.
 */
import type { FillableDatabase } from '../../metadata/fillable.ts'
import { listRepositoryNames } from '../../metadata/repositories.ts'
import { listNamedSinceAbsence, listRestoredPaths } from '../../metadata/restored.ts'
import type { TreeMark } from '../../metadata/tree.ts'
import { listPayloads } from '../../metadata/verification.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import type { LinkTree } from '../tree/link-tree.ts'
import { type RestoredMarks, showRestoredCommand } from './restore-tree.commands.ts'

/** A command; and after so many of them what was written is made durable, and forgotten. */
const PATHS_AT_ONCE = 200
const COMMANDS_A_FLUSH = 50
/** Of what a tag has named before. */
const MOST_NAMED = 100

const EVERYTHING = { kind: 'everything' } as const

export interface RestoreTreeOptions {
  /** Its commits are settled by `tree`. */
  readonly database: FillableDatabase
  readonly tree: LinkTree
  /** Makes the folder of a repository be there. */
  readonly makeRepository: (name: RepositoryName) => Promise<void>
  readonly onPaths: (shown: number) => void
}

/** May be done again from the start. Throws StorageUnavailable, DatabaseUnavailable. */
export async function restoreTree(options: RestoreTreeOptions): Promise<void> {
  const { database, tree, onPaths } = options
  await makeRepositories(options)
  let commands = 0
  for await (const paths of everyPath(database)) {
    await database.write(showRestoredCommand, { paths })
    onPaths(paths.length)
    commands++
    if (commands % COMMANDS_A_FLUSH === 0) await tree.flush(database)
  }
  await tree.flush(database)
}

async function makeRepositories({ database, makeRepository }: RestoreTreeOptions): Promise<void> {
  for (let after = ''; ; ) {
    const names = await listRepositoryNames(database, EVERYTHING, { after, limit: PATHS_AT_ONCE })
    for (const name of names) await makeRepository(name)
    const last = names.at(-1)
    if (last === undefined) return
    after = last
  }
}

/** First what others name, so that whoever looks meanwhile finds no link to nothing. */
async function* everyPath(database: FillableDatabase): AsyncGenerator<RestoredMarks['paths']> {
  yield* everyPayload(database)
  for (const kind of ['layer', 'revision', 'tag'] as const) {
    for (let after = { repository: 0, key: '' }; ; ) {
      const page = await listRestoredPaths(database, kind, { after, limit: PATHS_AT_ONCE })
      const last = page.at(-1)
      if (last === undefined) break
      yield await Promise.all(
        page.map(async ({ repository, key }) => ({
          mark: { kind, repositoryId: repository, key } as TreeMark,
          named:
            kind === 'tag'
              ? (await listNamedSinceAbsence(database, repository, key as Tag, MOST_NAMED)).reverse()
              : [],
        })),
      )
      after = last
    }
  }
}

async function* everyPayload(database: FillableDatabase): AsyncGenerator<RestoredMarks['paths']> {
  for (let after = ''; ; ) {
    const page = await listPayloads(database, { after, limit: PATHS_AT_ONCE })
    const last = page.at(-1)
    if (last === undefined) return
    yield page.map((key) => ({ mark: { kind: 'payload', repositoryId: 0, key } as const, named: [] }))
    after = last
  }
}
