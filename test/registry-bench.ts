/**
 * A whole registry for tests, put together as the app does it: SQLite or PostgreSQL, blobs and link tree in a
 * folder of their own or in memory. Nothing in it is a stand-in. A test that needs a disk which fails, or one
 * that counts, puts its own BlobStore or TreeStore in front of the real one.
 */
import { describe } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { AnyCommand, Database, Row, SqlValue } from '../src/metadata/database.ts'
import { openPostgresDatabase } from '../src/metadata/postgres/database.ts'
import { MIGRATIONS } from '../src/metadata/schema.ts'
import { SqliteReader } from '../src/metadata/sqlite/reader.ts'
import { openSqliteWriter } from '../src/metadata/sqlite/writer.ts'
import { parseRepositoryName, type RepositoryName } from '../src/oci/repository-name.ts'
import { LiveUploads } from '../src/registry/live-uploads.ts'
import type { Policy, Registry } from '../src/registry/registry.ts'
import { LinkTree, type TreeDatabase } from '../src/registry/tree/link-tree.ts'
import { beginStartCommand } from '../src/registry/tree/tree.commands.ts'
import { UncheckedTree } from '../src/registry/tree/unchecked-tree.ts'
import type { BlobStore } from '../src/storage/blob-store.ts'
import { openFilesystemBlobStore } from '../src/storage/filesystem/blob-store.ts'
import { openFilesystemTreeStore } from '../src/storage/filesystem/tree-store.ts'
import { databasePath } from '../src/storage/layout.ts'
import { openMemoryBlobStore } from '../src/storage/memory/blob-store.ts'
import { openMemoryTreeStore } from '../src/storage/memory/tree-store.ts'
import type { TreeStore } from '../src/storage/tree-store.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'
import { describeWith } from './tools/describe-with.ts'

export interface BenchOptions {
  /** The filesystem unless told. */
  readonly storage?: 'filesystem' | 'memory'
  /** What stands between the registry and its blobs. */
  readonly blobs?: (real: BlobStore) => BlobStore
  /** What stands between the link tree and its files. */
  readonly tree?: (real: TreeStore) => TreeStore
  readonly policy?: Partial<Policy>
}

export interface Bench {
  readonly registry: Registry
  readonly database: Database & TreeDatabase
  readonly tree: LinkTree
  /** The files of the link tree, with nothing in front of them. */
  readonly files: TreeStore
  /** Where everything lies; empty when the storage is memory. */
  readonly root: string
  /** A name that no other test has. */
  newRepository(): RepositoryName
  /** The rows of any statement, as they are. */
  rows(sql: string, values?: readonly SqlValue[]): Promise<Row[]>
  /** The same registry in a new start, before which another registry may have changed the tree. */
  restarted(): Promise<Bench>
  /** Another process on the same database and storage, with a link tree of its own. Closed with the first one. */
  beside(): Promise<Bench>
  close(): Promise<void>
}

export type OpenBench = (options?: BenchOptions) => Promise<Bench>

/** As where nothing is set. */
export const POLICY: Policy = {
  manifests: { allowMissingBlobs: false, indexPlatforms: 'none', foreignUrls: null, classes: null },
  uploadExpiry: 7 * 86_400_000,
  collection: { grace: 86_400_000, lease: 3_600_000, condemnedFor: 600_000, unlinkAfter: 600_000 },
  trash: { keepFor: 7 * 86_400_000 },
  untagged: { deleteAfter: null },
  isReadOnly: false,
}

/** The run of the machine in which all is written. */
export const THIS_BOOT = 'this boot'

/** Describes behaviour that must be the same on both databases. */
export function describeOnDatabases(subject: string, suite: (open: OpenBench) => void): void {
  describe(`${subject}, on SQLite`, () => suite(openOnSqlite))
  describeOnPostgres(subject, suite)
}

/** Describes what only several processes on one database can show. */
export function describeOnPostgres(subject: string, suite: (open: OpenBench) => void): void {
  describeWith(`${subject}, on PostgreSQL`, ['initdb', 'postgres'], () => suite(openOnPostgres))
}

/** With the writer in this thread: the same code as in a thread of its own. */
export async function openOnSqlite(options: BenchOptions = {}): Promise<Bench> {
  return await openSqliteAt(await openPlace(options), options)
}

/** As `openOnSqlite`, in a place that another process may have left. */
export async function openSqliteAt(place: Place, options: BenchOptions = {}): Promise<Bench> {
  const path = join(place.root, databasePath)
  mkdirSync(dirname(path), { recursive: true })
  const tree = new LinkTree(place.trees, THIS_BOOT)
  const settle = tree.settle.bind(tree)
  const writer = await openSqliteWriter({ path, migrations: MIGRATIONS, settle, boot: THIS_BOOT })
  const reader = new SqliteReader(path)
  const submit = (command: AnyCommand, input: unknown) => writer.submit(command, structuredClone(input))
  const database: Database & TreeDatabase = {
    one: (sql, values, decode) => reader.one(sql, values, decode),
    all: (sql, values, decode) => reader.all(sql, values, decode),
    write: async (command, input) => structuredClone(await submit(command as AnyCommand, input)) as never,
    inSession: (work) => work(writer.sessionOver(reader)),
    requireInPlace: async () => reader.requireInPlace(),
    async close() {
      await writer.close()
      reader.close()
    },
  }
  return bench({ place, database, tree, options, beside: () => Promise.reject(new Error('SQLite has one')) })
}

export async function openOnPostgres(options: BenchOptions = {}): Promise<Bench> {
  const server = await usePostgres()
  const place = await openPlace(options)
  const url = await server.createDatabase()
  return await openPostgresAt(url, place, options, leavePostgres)
}

/** As `openOnPostgres`, on a database and in a place that another process may have left. */
export async function openPostgresAt(
  url: string,
  place: Place,
  options: BenchOptions = {},
  closed: () => Promise<void> = async () => {},
): Promise<Bench> {
  const tree = new LinkTree(place.trees, THIS_BOOT)
  const settle = tree.settle.bind(tree)
  const database = await openPostgresDatabase({ url, migrations: MIGRATIONS, settle, boot: THIS_BOOT })
  const besides: Bench[] = []
  const opened = bench({
    place,
    database,
    tree,
    options,
    async beside() {
      const other = await openPostgresAt(url, { ...place, remove: () => undefined }, options, async () => {})
      besides.push(other)
      return other
    },
  })
  return {
    ...opened,
    async close() {
      for (const each of besides) await each.close()
      await opened.close()
      await closed()
    },
  }
}

interface Parts {
  readonly place: Place
  readonly database: Database & TreeDatabase
  readonly tree: LinkTree
  readonly options: BenchOptions
  beside(): Promise<Bench>
}

let repositories = 0

function bench(parts: Parts, uncheckedTree: UncheckedTree | null = null): Bench {
  const { place, database, tree, options, beside } = parts
  const registry: Registry = {
    database,
    blobs: place.blobs,
    uploads: new LiveUploads(`test-${crypto.randomUUID()}`, THIS_BOOT),
    policy: { ...POLICY, ...options.policy },
    tree: uncheckedTree,
  }
  return {
    registry,
    database,
    tree,
    files: place.files,
    root: place.root,
    newRepository: () => parseRepositoryName(`team/app-${++repositories}`),
    rows: (sql, values = []) => database.all(sql, values, (row) => row),
    async restarted() {
      const start = crypto.randomUUID()
      await database.write(beginStartCommand, { start })
      return bench(parts, new UncheckedTree({ database, files: place.trees, start }))
    },
    beside,
    async close() {
      await database.close()
      place.remove()
    },
  }
}

/** Where bytes lie. */
export interface Place {
  readonly root: string
  readonly blobs: BlobStore
  readonly files: TreeStore
  readonly trees: TreeStore
  remove(): void
}

/** `folder`: where the folder of the registry is made. */
export async function openPlace(options: BenchOptions, folder: string = tmpdir()): Promise<Place> {
  const root = mkdtempSync(join(folder, 'berth-registry-'))
  const inMemory = options.storage === 'memory'
  const blobs = inMemory ? openMemoryBlobStore() : await openFilesystemBlobStore({ root })
  const files = inMemory ? openMemoryTreeStore() : await openFilesystemTreeStore({ root })
  return {
    root,
    blobs: options.blobs?.(blobs) ?? blobs,
    files,
    trees: options.tree?.(files) ?? files,
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** One server for all that are open at a time. */
const postgres: { server: Promise<PostgresServer> | null; users: number } = { server: null, users: 0 }

async function usePostgres(): Promise<PostgresServer> {
  postgres.users++
  postgres.server ??= startPostgres()
  return await postgres.server
}

async function leavePostgres(): Promise<void> {
  postgres.users--
  const { server } = postgres
  if (postgres.users > 0 || server === null) return
  postgres.server = null
  await (await server).stop()
}

/** What a promise rejects with. (`expect(…).rejects` holds up the event loop that a database's answers need.) */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error
  throw new Error(`this should have failed, and gave ${Bun.inspect(outcome)}`)
}
