/**
 * A real PostgreSQL for tests, in a folder of its own, on a Unix socket only. It runs as an unprivileged
 * user, as it insists on, and stops with the process that started it, however that ends.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { toolCache } from './tools/catalog.ts'
import { findTool } from './tools/find-tool.ts'

export interface PostgresServer {
  /** A database that always exists; tests take one of their own by `createDatabase`. */
  readonly url: string
  /** The URL of a fresh database: an empty one, or a copy of another one, which nobody has open. */
  createDatabase(options?: { readonly copyOf?: string | undefined }): Promise<string>
  /** The same, with its tables in a folder of the caller's; its log and everything else stay where they are. */
  createDatabaseIn(folder: string): Promise<string>
  /** Stops the server as `pg_ctl stop -m fast` does, without giving up its data. */
  halt(): Promise<void>
  /** Starts it again on the same data and address. */
  resume(): Promise<void>
  restart(): Promise<void>
  /** Ends it and removes its folder. Safe to call twice. */
  stop(): Promise<void>
}

const START_LIMIT_MS = 20_000
/** Stops the server when its standard input ends, so when the test's process is gone. */
const GUARD = '"$@" & server=$!; cat >/dev/null; kill -INT $server; wait $server'

/** `fsync`: true where a test is about what survives a crash of the machine. */
export async function startPostgres(options: { readonly fsync?: boolean } = {}): Promise<PostgresServer> {
  const cluster = findOrMakeCluster()
  const folder = makeFolder('berth-postgres-')
  run(['cp', '-a', cluster, join(folder, 'data')])
  const server = new Server(folder, options.fsync ?? false)
  await server.resume()
  return server
}

/** What initdb makes, kept beside the tools: a copy takes a fifth of the time. */
function findOrMakeCluster(): string {
  const version = run([program('initdb'), '--version']).replace(/\W+/g, '-')
  const kept = join(toolCache(), `cluster-of-${version}`)
  if (existsSync(kept)) return kept
  const folder = makeFolder('berth-initdb-')
  const [made, copy] = [join(folder, 'data'), `${kept}.${crypto.randomUUID()}`]
  const settings = ['-U', 'berth', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  run(asUnprivileged([program('initdb'), '-D', made, ...settings]))
  mkdirSync(toolCache(), { recursive: true })
  run(['cp', '-a', made, copy])
  rmSync(folder, { recursive: true })
  putInPlace(copy, kept)
  return kept
}

/** Where another process was faster, its own is as good. */
function putInPlace(copy: string, kept: string): void {
  try {
    renameSync(copy, kept)
  } catch (error) {
    rmSync(copy, { recursive: true })
    if (!existsSync(kept)) throw error
  }
}

/** A folder that PostgreSQL may write. */
function makeFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  if (process.getuid?.() === 0) run(['chown', 'postgres', folder])
  return folder
}

class Server implements PostgresServer {
  readonly url: string
  readonly #command: string[]
  readonly #folder: string
  #process: Bun.Subprocess<'pipe', 'ignore', Bun.BunFile> | null = null
  #databases = 0

  constructor(folder: string, fsync: boolean) {
    this.#folder = folder
    this.url = this.#urlOf('postgres')
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${folder}`,
      `fsync=${fsync ? 'on' : 'off'}`,
    ]
    const postgres = [
      program('postgres'),
      '-D',
      join(folder, 'data'),
      ...settings.flatMap((setting) => ['-c', setting]),
    ]
    this.#command = asUnprivileged(['sh', '-c', GUARD, 'sh', ...postgres])
  }

  createDatabase({ copyOf }: { readonly copyOf?: string | undefined } = {}): Promise<string> {
    const template = copyOf === undefined ? '' : ` TEMPLATE ${new URL(copyOf).pathname.slice(1)}`
    return this.#create((name) => [`CREATE DATABASE ${name}${template}`])
  }

  createDatabaseIn(folder: string): Promise<string> {
    if (process.getuid?.() === 0) run(['chown', 'postgres', folder])
    return this.#create((name) => [
      `CREATE TABLESPACE of_${name} LOCATION '${folder}'`,
      `CREATE DATABASE ${name} TABLESPACE of_${name}`,
    ])
  }

  async #create(statements: (name: string) => readonly string[]): Promise<string> {
    const name = `test_${++this.#databases}`
    const sql = new SQL(this.url, { max: 1 })
    for (const statement of statements(name)) await sql.unsafe(statement)
    await sql.close()
    return this.#urlOf(name)
  }

  async halt(): Promise<void> {
    const child = this.#process
    this.#process = null
    child?.stdin.end()
    await child?.exited
  }

  async resume(): Promise<void> {
    const log = Bun.file(join(this.#folder, 'log'))
    this.#process = Bun.spawn(this.#command, { stdin: 'pipe', stdout: 'ignore', stderr: log })
    const deadline = performance.now() + START_LIMIT_MS
    while (!this.#isReady()) {
      if (this.#process.exitCode !== null || performance.now() > deadline) throw new Error(await log.text())
      await Bun.sleep(10)
    }
  }

  async restart(): Promise<void> {
    await this.halt()
    await this.resume()
  }

  async stop(): Promise<void> {
    await this.halt()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** The eighth line of its pid file is what pg_ctl waits for too. */
  #isReady(): boolean {
    const file = join(this.#folder, 'data', 'postmaster.pid')
    return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready'
  }

  #urlOf(database: string): string {
    return `postgres://berth@localhost/${database}?host=${encodeURIComponent(this.#folder)}`
  }
}

/** PostgreSQL refuses to run as root. */
function asUnprivileged(command: readonly string[]): string[] {
  return process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...command] : [...command]
}

/** Gives what it printed. */
function run(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdout: 'pipe', stderr: 'pipe' })
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed:\n${stderr.toString()}`)
  return stdout.toString().trim()
}

function program(name: 'initdb' | 'postgres'): string {
  const path = findTool(name)
  if (path === null) throw new Error('PostgreSQL is not installed: apt-get install postgresql')
  return path
}
