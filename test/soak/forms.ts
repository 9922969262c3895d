/** The forms in which Berth is soaked: how many processes, on which database. */
import { type BerthServer, startBerth } from '../berth-server.ts'
import { TWO_WORKERS } from '../fault/processes.ts'
import { startPostgres } from '../postgres-server.ts'
import type { ToolName } from '../tools/catalog.ts'

/** Servers on one folder, any of which may be asked. */
export interface Servers extends AsyncDisposable {
  readonly all: readonly BerthServer[]
  readonly data: string
}

export interface Form {
  readonly name: string
  readonly tools: readonly ToolName[]
  start(): Promise<Servers>
}

/** Longer than a push takes here, and much shorter than is safe elsewhere. */
const TIMES = { grace: 3, lease: 2, condemnedFor: 1, unlinkAfter: 1 } as const

const SETTINGS = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_GRACE: `${TIMES.grace}s`,
  BERTH_COLLECTION_LEASE: `${TIMES.lease}s`,
  BERTH_COLLECTION_CONDEMNEDFOR: `${TIMES.condemnedFor}s`,
  BERTH_COLLECTION_UNLINKAFTER: `${TIMES.unlinkAfter}s`,
  REGISTRY_STORAGE_DELETE_ENABLED: 'true',
  REGISTRY_LOG_ACCESSLOG_DISABLED: 'true',
}

export const FORMS: readonly Form[] = [
  { name: 'one process on SQLite', tools: [], start: () => startOne({}) },
  { name: 'two workers on SQLite', tools: [], start: () => startOne(TWO_WORKERS) },
  { name: 'two replicas on PostgreSQL', tools: ['initdb', 'postgres'], start: startReplicas },
]

async function startOne(settings: Readonly<Record<string, string>>): Promise<Servers> {
  const berth = await startBerth({ env: { ...SETTINGS, ...settings } })
  return { all: [berth], data: berth.data, [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose]() }
}

async function startReplicas(): Promise<Servers> {
  const closers = new AsyncDisposableStack()
  const postgres = await startPostgres()
  closers.defer(() => postgres.stop())
  const env = { ...SETTINGS, BERTH_DATABASE_URL: await postgres.createDatabase() }
  const first = closers.use(await startBerth({ env }))
  const second = closers.use(await startBerth({ env, data: first.data }))
  return { all: [first, second], data: first.data, [Symbol.asyncDispose]: () => closers.disposeAsync() }
}
