/**
 * Registries for the tests of backups: a data folder and a database, filled with images, a trash, histories and
 * accounts, and what stands in them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Periodic } from '../../src/lib/periodic.ts'
import type { Settle } from '../../src/metadata/database.ts'
import type { FillableDatabase } from '../../src/metadata/fillable.ts'
import { openPostgresToFill } from '../../src/metadata/postgres/fillable.ts'
import { postgresSnapshots } from '../../src/metadata/postgres/snapshot.ts'
import { MIGRATIONS } from '../../src/metadata/schema.ts'
import type { TakeSnapshot } from '../../src/metadata/snapshot.ts'
import { openSqliteToFill } from '../../src/metadata/sqlite/fillable.ts'
import { sqliteSnapshots } from '../../src/metadata/sqlite/snapshot.ts'
import { LiveUploads } from '../../src/registry/live-uploads.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { LinkTree } from '../../src/registry/tree/link-tree.ts'
import { openFilesystemBlobStore } from '../../src/storage/filesystem/blob-store.ts'
import { openFilesystemTreeStore } from '../../src/storage/filesystem/tree-store.ts'
import { allFacts, fillTables } from '../backup-bench.ts'
import { type BerthServer, FROM_SOURCE, startBerth } from '../berth-server.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import { type RegistryContents, readRegistry } from '../clients/registry-contents.ts'
import { multiArchImage, smallImage } from '../clients/sample-images.ts'
import type { PostgresServer } from '../postgres-server.ts'
import { POLICY, THIS_BOOT } from '../registry-bench.ts'
import { tryCommand } from '../tools/command.ts'

/** Tables that no image tells anything of, and nothing has filled yet. */
const OF_PEOPLE = [
  'accounts',
  'memberships',
  'teams',
  'team_members',
  'grants',
  'tokens',
  'subscriptions',
  'deliveries',
  'audit',
]

/** Those of a server that starts would be newer than the test's. */
const NO_OWN_BACKUPS = { BERTH_BACKUP_ENABLED: 'false' }

/** A registry's folder, and what its database is. */
export interface Place {
  readonly data: string
  readonly env: Record<string, string>
  readonly takeSnapshot: TakeSnapshot
  /** Throws the database away; gives the place as it is then. */
  lose(): Promise<Place>
}

export function onSqlite(data: string): Place {
  const path = join(data, 'berth/berth.db')
  return {
    data,
    env: NO_OWN_BACKUPS,
    takeSnapshot: sqliteSnapshots(path),
    async lose() {
      for (const ending of ['', '-wal', '-shm', '-writer']) rmSync(`${path}${ending}`, { force: true })
      return onSqlite(data)
    },
  }
}

export function onPostgres(data: string, server: PostgresServer, url: string): Place {
  return {
    data,
    env: { ...NO_OWN_BACKUPS, BERTH_DATABASE_URL: url },
    takeSnapshot: postgresSnapshots(url),
    lose: async () => onPostgres(data, server, await server.createDatabase()),
  }
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'backup-test-'))
}

/** A server on the place, which makes no backups by itself. */
export function serve({ data, env }: Place): Promise<BerthServer> {
  return startBerth({ data, env })
}

/** A registry with a trash, histories and accounts. */
export async function fill(place: Place): Promise<void> {
  await using berth = await serve(place)
  const [one, two] = [smallImage('one'), smallImage('two')]
  await pushImage(berth.url, 'app', '1', one)
  await pushImage(berth.url, 'app', 'latest', one)
  await pushImage(berth.url, 'app', 'latest', two)
  await pushImage(berth.url, 'app', 'dropped', smallImage('dropped'))
  await deleteManifest(berth.url, 'app', 'dropped')
  await deleteManifest(berth.url, 'app', smallImage('dropped').root.digest)
  await pushImage(berth.url, 'team/multi', '1', multiArchImage('backup'))
  await pushManifest(berth.url, 'team/multi', '2', multiArchImage('backup').root)
  await deleteManifest(berth.url, 'team/multi', '2')
  await pushImage(berth.url, 'emptied', null, smallImage('emptied'))
  await deleteManifest(berth.url, 'emptied', smallImage('emptied').root.digest)
  await berth.stop()
  const url = place.env['BERTH_DATABASE_URL']
  const database: FillableDatabase =
    url === undefined
      ? await openSqliteToFill(join(place.data, 'berth/berth.db'), MIGRATIONS)
      : await openPostgresToFill(url, MIGRATIONS)
  await fillTables(database, 3, (name) => OF_PEOPLE.includes(name))
  await database.close()
}

export interface Run {
  readonly code: number
  /** On both outputs. */
  readonly printed: string
}

/** Runs a command of Berth on the place. */
export async function berth(place: Place, ...args: string[]): Promise<Run> {
  const [program = '', ...rest] = [...FROM_SOURCE, ...args, '--data', place.data]
  const env = { ...process.env, ...place.env }
  const { exitCode, stdout, stderr } = await tryCommand(program, rest, { env })
  return { code: exitCode, printed: stdout + stderr }
}

export async function contentsOf(place: Place): Promise<RegistryContents> {
  await using berth = await serve(place)
  const contents = await readRegistry(berth.url)
  await berth.stop()
  return contents
}

/** All facts, without what another start, or a look at the storage, changes by right. */
export async function lastingFacts({ takeSnapshot }: Place): Promise<Record<string, unknown[]>> {
  const changing: Readonly<Record<string, readonly string[]>> = {
    blobs: ['state', 'epoch', 'lease_until'],
    repositories: ['reconciled_by'],
    gc_reviews: ['reason', 'due_at'],
  }
  const facts = await allFacts(takeSnapshot)
  const columns = await takeSnapshot(
    async (snapshot) =>
      new Map(
        (await snapshot.listTables()).map((table) => [table.name, table.columns.map(({ name }) => name)]),
      ),
  )
  // Sums are counted beside the requests.
  const tables = Object.entries(facts).filter(([name]) => name !== 'settings' && !name.startsWith('usage_'))
  return Object.fromEntries(
    tables.map(([name, rows]) => [
      name,
      rows.map((row) => row.filter((_, at) => !changing[name]?.includes(columns.get(name)?.[at] ?? ''))),
    ]),
  )
}

/** The place's registry in this process, with no server on it; for as long as the work takes. */
export async function inPlace<T>(place: Place, work: (registry: Registry) => Promise<T>): Promise<T> {
  const tree = new LinkTree(await openFilesystemTreeStore({ root: place.data }), null)
  const settle: Settle = (session, marks) => tree.settle(session, marks)
  const url = place.env['BERTH_DATABASE_URL']
  const database =
    url === undefined
      ? await openSqliteToFill(join(place.data, 'berth/berth.db'), MIGRATIONS, { settle })
      : await openPostgresToFill(url, MIGRATIONS, settle)
  const flushing = new Periodic({
    everyMilliseconds: 50,
    work: () => tree.flush(database),
    onError: (error) => {
      throw error
    },
  })
  try {
    return await work({
      database: { ...database, requireInPlace: () => Promise.resolve() },
      blobs: await openFilesystemBlobStore({ root: place.data }),
      uploads: new LiveUploads('test', THIS_BOOT),
      policy: POLICY,
      tree: null,
    })
  } finally {
    await flushing.stop()
    await tree.flush(database)
    await database.close()
  }
}
