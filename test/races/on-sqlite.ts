/**
 * Races of two processes on one SQLite database and one folder, beside the writer's: the steps are their reads,
 * their commands, and what they do with files.
 */
import { Database as SqliteFile } from 'bun:sqlite'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Database } from '../../src/metadata/database.ts'
import { openSqliteDatabase } from '../../src/metadata/sqlite/database.ts'
import { WriterSocket } from '../../src/metadata/sqlite/writer-socket.ts'
import { parseRepositoryName } from '../../src/oci/repository-name.ts'
import { LiveUploads } from '../../src/registry/live-uploads.ts'
import type { BlobStore } from '../../src/storage/blob-store.ts'
import { openFilesystemBlobStore } from '../../src/storage/filesystem/blob-store.ts'
import { databasePath } from '../../src/storage/layout.ts'
import { POLICY } from '../registry-bench.ts'
import type { Task, Volume } from './messages.ts'
import { type ExploreOptions, inEveryOrder, type Trial } from './orders.ts'
import type { Outcome } from './outcome.ts'
import { PartyProcess, WriterProcess } from './processes.ts'
import type { Race, RaceCourse, Table } from './race.ts'
import { THIS_RACE } from './stepped-database.ts'

/** What the test itself works with, beside the processes. */
interface Ground {
  readonly root: string
  readonly file: SqliteFile
  readonly database: Database
  readonly blobs: BlobStore
  readonly writer: WriterProcess
  readonly parties: readonly PartyProcess[]
}

export async function openOnSqlite(): Promise<RaceCourse> {
  const closers = new AsyncDisposableStack()
  const root = mkdtempSync(join(tmpdir(), 'berth-race-'))
  closers.defer(() => rmSync(root, { recursive: true, force: true }))
  const volume: Volume = { root, databasePath: join(root, databasePath), socket: join(root, 'writer.sock') }
  mkdirSync(dirname(volume.databasePath), { recursive: true })
  const writer = closers.use(await WriterProcess.start(volume))
  const parties: PartyProcess[] = []
  for (let number = 0; number < 2; number++)
    parties.push(closers.use(await PartyProcess.start(volume, writer)))
  const file = new SqliteFile(volume.databasePath)
  closers.defer(() => file.close())
  const database = openSqliteDatabase(volume.databasePath, new WriterSocket(volume.socket, { errors: [] }))
  closers.defer(() => database.close())
  const blobs = await openFilesystemBlobStore({ root })
  const ground = { root, file, database, blobs, writer, parties }
  return {
    explore: (race) => inEveryOrder(() => begin(race, ground), optionsOf(race)),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  }
}

function optionsOf<Facts>({ interruptions }: Race<Facts>): ExploreOptions {
  const { commands } = interruptions ?? {}
  return commands === undefined ? {} : { interruptions: commands }
}

async function begin<Facts>(race: Race<Facts>, ground: Ground): Promise<Trial> {
  const table = tableOf(race, ground)
  const facts = await race.arrange(table)
  const outcomes: Record<string, Outcome> = {}
  const parties = Object.keys(race.parties).map((name, number) => {
    const task: Task = { ...race.home, party: name, policy: table.registry.policy, facts }
    const process = ground.parties[number]
    if (process === undefined) throw new Error('two parties run a race')
    return {
      name,
      async run(turns) {
        outcomes[name] = await process.run(task, turns, race.stopsBefore ?? null)
      },
      isBlocked: async () => false,
    } satisfies Trial['parties'][number]
  })
  return { parties, check: () => race.check(table, facts, outcomes) }
}

function tableOf<Facts>({ policy }: Race<Facts>, { root, file, database, blobs, writer }: Ground): Table {
  const uploads = new LiveUploads(`race-${crypto.randomUUID()}`, THIS_RACE)
  return {
    registry: { database, blobs, uploads, policy: { ...POLICY, ...policy }, tree: null },
    root,
    flush: () => writer.flush(),
    newRepository: () => parseRepositoryName(`race/app-${crypto.randomUUID().slice(0, 8)}`),
    rows: (sql, values = []) => database.all(sql, values, (row) => row),
    async run(sql, values = []) {
      file.query(sql).run(...values)
    },
  }
}
