/** Races of two sessions of PostgreSQL, statement by statement, on files that both use. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostgresDatabase, type PostgresDatabase } from '../../src/metadata/postgres/database.ts'
import { MIGRATIONS } from '../../src/metadata/schema.ts'
import { parseRepositoryName } from '../../src/oci/repository-name.ts'
import { LiveUploads } from '../../src/registry/live-uploads.ts'
import { LinkTree } from '../../src/registry/tree/link-tree.ts'
import type { BlobStore } from '../../src/storage/blob-store.ts'
import { openFilesystemBlobStore } from '../../src/storage/filesystem/blob-store.ts'
import { openFilesystemTreeStore } from '../../src/storage/filesystem/tree-store.ts'
import { startPostgres } from '../postgres-server.ts'
import { POLICY, THIS_BOOT } from '../registry-bench.ts'
import { type ExploreOptions, inEveryOrder, type Trial } from './orders.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import type { Hand, Race, RaceCourse, Table } from './race.ts'
import { Sessions, SteppedDatabase } from './sessions.ts'
import { steppedBlobs } from './stepped-blobs.ts'
import type { Party, Turns } from './track.ts'

/** What both parties share. */
interface Ground {
  readonly root: string
  readonly sessions: Sessions
  readonly tree: LinkTree
  readonly database: PostgresDatabase
  readonly blobs: BlobStore
}

export async function openOnPostgres(): Promise<RaceCourse> {
  const closers = new AsyncDisposableStack()
  const postgres = await startPostgres()
  closers.defer(() => postgres.stop())
  const root = mkdtempSync(join(tmpdir(), 'berth-race-'))
  closers.defer(() => rmSync(root, { recursive: true, force: true }))
  const url = await postgres.createDatabase()
  const tree = new LinkTree(await openFilesystemTreeStore({ root }), THIS_BOOT)
  const settle = tree.settle.bind(tree)
  const database = await openPostgresDatabase({ url, migrations: MIGRATIONS, settle, boot: THIS_BOOT })
  closers.defer(() => database.close())
  const sessions = closers.use(new Sessions(url))
  const ground = { root, sessions, tree, database, blobs: await openFilesystemBlobStore({ root }) }
  return {
    explore: (race) => inEveryOrder(() => begin(race, ground), optionsOf(race)),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  }
}

function optionsOf<Facts>({ interruptions }: Race<Facts>): ExploreOptions {
  const { statements } = interruptions ?? {}
  return statements === undefined ? {} : { interruptions: statements }
}

async function begin<Facts>(race: Race<Facts>, ground: Ground): Promise<Trial> {
  const table = tableOf(race, ground)
  const facts = await race.arrange(table)
  const outcomes: Record<string, Outcome> = {}
  const parties: Party[] = []
  for (const [number, [name, work]] of Object.entries(race.parties).entries()) {
    const session = await ground.sessions.at(number)
    parties.push({
      name,
      async run(turns) {
        const database = new SteppedDatabase(session, turns, (reads, marks) =>
          ground.tree.settle(reads, marks),
        )
        outcomes[name] = await outcomeOf(() => work(handOf(table, ground, database, turns), facts))
      },
      isBlocked: () => session.isBlocked(),
    })
  }
  return { parties, check: () => race.check(table, facts, outcomes) }
}

function tableOf<Facts>({ policy }: Race<Facts>, ground: Ground): Table {
  const { root, database, blobs, sessions, tree } = ground
  const uploads = new LiveUploads(`race-${crypto.randomUUID()}`, THIS_BOOT)
  return {
    registry: { database, blobs, uploads, policy: { ...POLICY, ...policy }, tree: null },
    root,
    flush: () => tree.flush(database),
    newRepository: () => parseRepositoryName(`race/app-${crypto.randomUUID().slice(0, 8)}`),
    rows: (sql, values = []) => database.all(sql, values, (row) => row),
    run: (sql, values = []) => sessions.run(sql, values),
  }
}

/** As a replica of its own: other uploads live in it, and it has a session of its own. */
function handOf({ registry }: Table, ground: Ground, database: SteppedDatabase, turns: Turns): Hand {
  return {
    registry: {
      ...registry,
      database,
      blobs: steppedBlobs(ground.blobs, turns),
      uploads: new LiveUploads(`race-${crypto.randomUUID()}`, THIS_BOOT),
    },
    flush: () => ground.tree.flush(database),
  }
}
