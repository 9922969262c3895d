/** What outlives a process: folder, or memory, and database. Each kind is the ground of one run of the model. */
import { SQL } from 'bun'
import type { BlobStore } from '../../../src/storage/blob-store.ts'
import type { TreeStore } from '../../../src/storage/tree-store.ts'
import type { PostgresServer } from '../../postgres-server.ts'
import {
  type Bench,
  type BenchOptions,
  openPlace,
  openPostgresAt,
  openSqliteAt,
  type Place,
} from '../../registry-bench.ts'
import type { SetDatabaseClock } from './clock.ts'

export interface Ground {
  /** With nothing of a process in front of it. */
  readonly blobs: BlobStore
  readonly files: TreeStore
  /** Blobs and link tree share a folder, so that a new process goes through the tree. */
  readonly hasFolder: boolean
  readonly setDatabaseClock: SetDatabaseClock
  /** A process that sees the stores as these functions make them. */
  open(options: Pick<BenchOptions, 'blobs' | 'tree' | 'policy'>): Promise<Bench>
  /** Its processes are closed already. */
  remove(): Promise<void>
}

export type OpenGround = () => Promise<Ground>

type Storage = NonNullable<BenchOptions['storage']>

/** A disk in memory, where there is one: nothing here is about power. */
const FAST_FOLDER = process.platform === 'linux' ? '/dev/shm' : undefined

export function onSqlite(storage: Storage): OpenGround {
  return async () => {
    const place = await openPlace({ storage }, FAST_FOLDER)
    return {
      ...groundOf(place, storage),
      setDatabaseClock: async () => {},
      open: (options) => openSqliteAt(seenBy(place, options), options),
      remove: async () => place.remove(),
    }
  }
}

/** A database whose own clock is simulated: its name is found before the one of PostgreSQL. */
export function onPostgres(server: PostgresServer, storage: Storage): OpenGround {
  return async () => {
    const place = await openPlace({ storage }, FAST_FOLDER)
    const url = await server.createDatabase()
    const sql = new SQL(url, { max: 1 })
    for (const statement of SIMULATED_CLOCK) await sql.unsafe(statement)
    return {
      ...groundOf(place, storage),
      setDatabaseClock: async (now) => void (await sql`UPDATE simulated.clock SET milliseconds = ${now}`),
      open: (options) => openPostgresAt(url, seenBy(place, options), options),
      async remove() {
        await sql.close()
        place.remove()
      },
    }
  }
}

const SIMULATED_CLOCK = [
  'CREATE SCHEMA simulated',
  'CREATE TABLE simulated.clock (milliseconds int8 NOT NULL)',
  'INSERT INTO simulated.clock VALUES (0)',
  `CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
     SELECT to_timestamp(0) + milliseconds * interval '1 millisecond' FROM simulated.clock $$`,
  `DO $$ BEGIN
     EXECUTE format('ALTER DATABASE %I SET search_path = public, simulated, pg_catalog', current_database());
   END $$`,
]

function groundOf(place: Place, storage: Storage): Pick<Ground, 'blobs' | 'files' | 'hasFolder'> {
  return { blobs: place.blobs, files: place.files, hasFolder: storage === 'filesystem' }
}

/** The folder stays when the process is closed. */
function seenBy(place: Place, { blobs, tree }: Pick<BenchOptions, 'blobs' | 'tree'>): Place {
  return {
    ...place,
    blobs: blobs?.(place.blobs) ?? place.blobs,
    trees: tree?.(place.files) ?? place.files,
    remove: () => undefined,
  }
}
