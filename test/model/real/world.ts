/**
 * A Berth of its own on SQLite and a folder, asked over HTTP, whose process is killed for good. The times of its settings
 * are seconds, for the clock is the real one, and collection goes on beside the requests as it always does.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Row, SqlValue } from '../../../src/metadata/database.ts'
import { integer, optionalText, text } from '../../../src/metadata/row.ts'
import { SqliteReader } from '../../../src/metadata/sqlite/reader.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { VerifyFinding } from '../../../src/registry/verify/finding.ts'
import { openFilesystemTreeStore } from '../../../src/storage/filesystem/tree-store.ts'
import { blobDataPath, controlSocketPath, databasePath } from '../../../src/storage/layout.ts'
import type { TreeStore } from '../../../src/storage/tree-store.ts'
import { type BerthServer, FROM_SOURCE, findFreePort, startBerth } from '../../berth-server.ts'
import { until } from '../../until.ts'
import type { Client } from '../client.ts'
import type { Times, World } from '../world.ts'
import { HttpClient } from './client.ts'
import { SocketOwner } from './owner.ts'

const SECOND = 1_000

const TIMES: Times = {
  step: 0,
  minute: 0.03 * SECOND,
  lease: 2 * SECOND,
  grace: 2 * SECOND,
  trash: 600 * SECOND,
  uploads: 60 * SECOND,
  slack: 0.3 * SECOND,
}

/** After so long most of what happens by itself has happened. */
const LONGEST_STRIDE = 5 * SECOND

const SETTINGS: Readonly<Record<string, string>> = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_GRACE: '2s',
  BERTH_COLLECTION_LEASE: '2s',
  BERTH_COLLECTION_CONDEMNEDFOR: '1s',
  BERTH_COLLECTION_UNLINKAFTER: '1s',
  BERTH_TRASH_KEEP: '10m',
}

export class RealWorld implements World {
  readonly times = TIMES
  readonly isSimulated = false
  readonly outlives = true
  readonly client: Client
  readonly owner: SocketOwner
  readonly files: TreeStore
  readonly #data: string
  readonly #port: number
  #server: BerthServer
  #reader: SqliteReader
  #isDead = false

  private constructor(
    place: { readonly data: string; readonly port: number },
    server: BerthServer,
    files: TreeStore,
  ) {
    this.#data = place.data
    this.#port = place.port
    this.#server = server
    this.#reader = openReader(place.data)
    this.client = new HttpClient(server.url)
    this.owner = new SocketOwner(join(place.data, controlSocketPath))
    this.files = files
  }

  static async open(): Promise<World> {
    const data = mkdtempSync(join(tmpdir(), 'berth-model-'))
    const port = await findFreePort()
    const server = await startBerth({ data, port, env: SETTINGS })
    return new RealWorld({ data, port }, server, await openFilesystemTreeStore({ root: data }))
  }

  get now(): number {
    return Date.now()
  }

  get isDead(): boolean {
    return this.#isDead
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#reader.all(sql, values, (row) => row)
  }

  async storedSize(digest: Digest): Promise<number | null> {
    return (await this.files.stat(blobDataPath(digest)))?.size ?? null
  }

  async forward(milliseconds: number): Promise<void> {
    await Bun.sleep(Math.min(milliseconds, LONGEST_STRIDE))
  }

  /** An operation takes about a fifth of a millisecond. */
  dieWithin(operations: number): void {
    const server = this.#server
    setTimeout(() => {
      if (this.#server !== server) return
      this.#isDead = true
      server.signal('SIGKILL')
    }, operations / 5)
  }

  async restart({ isReindexed }: { readonly isReindexed: boolean }): Promise<void> {
    this.#isDead = true
    await this.#server[Symbol.asyncDispose]()
    if (isReindexed) await this.#reindex()
    this.#server = await startBerth({ data: this.#data, port: this.#port, env: SETTINGS })
    this.#isDead = false
    this.#reader.close()
    this.#reader = openReader(this.#data)
  }

  async #reindex(): Promise<void> {
    const child = Bun.spawn({
      cmd: [...FROM_SOURCE, 'reindex', '--data', this.#data],
      env: { ...process.env, ...SETTINGS },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = await child.stderr.text()
    if ((await child.exited) !== 0) throw new Error(`berth reindex failed: ${said}`)
  }

  /** It does so by itself. */
  async goThroughTree(): Promise<void> {
    await until('it has gone through the link tree', async () => {
      const [row] = await this.rows(`SELECT
        (SELECT value FROM settings WHERE key = 'tree.start') AS start,
        (SELECT value FROM settings WHERE key = 'tree.done') AS done`)
      return (optionalText(row ?? {}, 'done') ?? '').includes(text(row ?? {}, 'start'))
    })
  }

  async flush(): Promise<void> {
    await until('everything that the tree shows is durable', async () => {
      const [row] = await this.rows('SELECT count(*) AS marks FROM tree_dirty')
      return Number(row?.['marks']) === 0
    })
  }

  /** These it does by itself. */
  async collect(): Promise<void> {}
  async collectAll(): Promise<void> {}
  async expireUploads(): Promise<void> {}

  /** It would go on by itself, a minute later; the same question goes on at once. */
  async purge(): Promise<void> {
    const unfinished = await this.rows(
      `SELECT trash.id, state, name FROM trash JOIN repositories ON repositories.id = repository_id WHERE state <> 'kept'`,
    )
    for (const row of unfinished) {
      const [id, state] = [integer(row, 'id'), text(row, 'state')]
      if (state === 'restoring') await this.owner.restoreTrash(id)
      else if (state === 'emptying') await this.owner.emptyTrash({ id })
      else await this.owner.deleteRepository(text(row, 'name') as RepositoryName)
    }
  }

  async countUsage(): Promise<void> {
    await until('every change has been counted', async () => {
      const [row] = await this.rows('SELECT count(*) AS changes FROM usage_changes')
      return Number(row?.['changes']) === 0
    })
  }

  verify(): Promise<readonly VerifyFinding[]> {
    return this.owner.verify()
  }

  async otherBytes(): Promise<readonly string[]> {
    return []
  }

  async close(): Promise<void> {
    this.#reader.close()
    await this.#server[Symbol.asyncDispose]()
    rmSync(this.#data, { recursive: true, force: true })
  }
}

function openReader(data: string): SqliteReader {
  return new SqliteReader(join(data, databasePath))
}
