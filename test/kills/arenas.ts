/** The forms in which Berth runs and is killed: which settings, which of its processes, and how many of the kills. */
import type { BerthServer } from '../berth-server.ts'
import { childrenOf, TWO_WORKERS } from '../fault/processes.ts'
import type { Step } from '../fault/strace.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import type { ToolName } from '../tools/catalog.ts'

/** One form, prepared for all of its kills. */
export interface Arena extends AsyncDisposable {
  /** The settings of a Berth that has a database of its own. */
  environment(): Promise<Settings>
  /** The settings of a Berth whose database is a copy of the one of these settings, which nobody has open. */
  copyOf(settings: Settings): Promise<Settings>
}

type Settings = Readonly<Record<string, string>>

export interface ArenaPlan {
  readonly name: string
  readonly tools: readonly ToolName[]
  /** Its part of all kills; the parts of all plans together are 1. */
  readonly share: number
  /** One dies, the others live on. Where there are none, it is also killed behind answers. */
  readonly hasSiblings: boolean
  /** How long a cut-off upload may be taken for one that is still written to. */
  readonly uploadsGoOnWithinMilliseconds: number
  /** The steps by which it makes something last. */
  readonly lastingSteps: readonly Step[]
  /** Of the processes of a running Berth, those that may be killed. */
  victimsOf(berth: BerthServer): readonly number[]
  prepare(): Promise<Arena>
}

const DISK_STEPS: readonly Step[] = [
  ...(['pwrite64', 'pwritev', 'fsync', 'fdatasync', 'ftruncate'] as const),
  ...(['rename', 'renameat', 'renameat2', 'mkdir', 'unlink', 'unlinkat'] as const),
]

/** Where a writer of an upload is not known to be dead, the end of its lease says so. */
const LEASE_ENDS_WITHIN_MS = 20_000

const IN_ONE_PROCESS = { hasSiblings: false, victimsOf: ({ pid }: BerthServer) => [pid] }
const WITH_TWO_WORKERS = { hasSiblings: true, prepare: () => onSqlite(TWO_WORKERS) }

export const ARENAS: readonly ArenaPlan[] = [
  {
    ...IN_ONE_PROCESS,
    name: 'one process on SQLite',
    tools: [],
    share: 40 / 80,
    lastingSteps: DISK_STEPS,
    uploadsGoOnWithinMilliseconds: 0,
    prepare: () => onSqlite({}),
  },
  {
    ...WITH_TWO_WORKERS,
    name: 'a worker of two',
    tools: [],
    share: 9 / 80,
    lastingSteps: DISK_STEPS,
    uploadsGoOnWithinMilliseconds: 0,
    victimsOf: (berth) => childrenOf(berth, 'worker'),
  },
  {
    ...WITH_TWO_WORKERS,
    name: 'the writer of two workers',
    tools: [],
    share: 11 / 80,
    lastingSteps: DISK_STEPS,
    uploadsGoOnWithinMilliseconds: 0,
    victimsOf: (berth) => childrenOf(berth, 'writer'),
  },
  {
    ...IN_ONE_PROCESS,
    name: 'one process on PostgreSQL',
    tools: ['initdb', 'postgres'],
    share: 20 / 80,
    lastingSteps: [...DISK_STEPS, 'sendto'],
    // Nobody knows which replicas live.
    uploadsGoOnWithinMilliseconds: LEASE_ENDS_WITHIN_MS,
    prepare: onPostgres,
  },
]

/** How many of `kills` are of each plan of ARENAS, in their order: together exactly so many. */
export function shareOut(kills: number): readonly number[] {
  let [parts, given] = [0, 0]
  return ARENAS.map(({ share }) => {
    parts += share
    const amount = Math.round(kills * parts) - given
    given += amount
    return amount
  })
}

async function onSqlite(settings: Settings): Promise<Arena> {
  return {
    environment: async () => settings,
    // It lies in the data folder.
    copyOf: async (same) => same,
    async [Symbol.asyncDispose]() {},
  }
}

async function onPostgres(): Promise<Arena> {
  const postgres: PostgresServer = await startPostgres()
  return {
    environment: async () => ({ BERTH_DATABASE_URL: await postgres.createDatabase() }),
    copyOf: async ({ BERTH_DATABASE_URL }) => ({
      BERTH_DATABASE_URL: await postgres.createDatabase({ copyOf: BERTH_DATABASE_URL }),
    }),
    [Symbol.asyncDispose]: () => postgres.stop(),
  }
}
