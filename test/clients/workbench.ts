/**
 * What every client suite stands on: a registry of its own, started before its first test and ended after
 * its last, and a temporary folder for what the client keeps. It is described once for each database.
 */
import { afterAll, beforeAll, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ToolName } from '../tools/catalog.ts'
import { describeWith } from '../tools/describe-with.ts'
import { DATABASES, type Database, isStandIn, type Registry, startRegistry } from './registry.ts'

/** Milliseconds for one test of a client: a whole round trip, on two cores that do other things too. */
const CLIENT_TIMEOUT = 120_000

export interface Workbench {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** The registry's log so far. */
  log(): string
  /** A new empty folder; its name starts as given. Short, for sockets lie in some. */
  folder(name: string): string
  /**
   * A test of many bytes, or of a broken download: no database has a part in it, so it runs on the first only. How far
   * an upload has come is in the database, so one that is cut and goes on is a test for each.
   */
  testTransfer(name: string, body: () => Promise<void>): void
  /** Has something ended after the last test, before folders are removed; the latest first. */
  defer(end: () => Promise<unknown>): void
}

/** Describes the tests of a client with each database, with a registry that runs for the tests of that block. */
export function describeClient<const Name extends ToolName>(
  client: string,
  names: readonly Name[],
  suite: (tools: Record<Name, string>, bench: Workbench) => void,
): void {
  for (const database of DATABASES) {
    const tools = database === 'SQLite' ? names : ([...names, 'initdb', 'postgres'] as const)
    const registry = isStandIn ? 'docker-registry' : `Berth on ${database}`
    describeWith(`${client} with ${registry}`, tools, (paths) => {
      suite(paths, useWorkbench(database))
    })
  }
}

function useWorkbench(database: Database): Workbench {
  // Lower case throughout: podman makes an image name of a layout's path.
  const scratch = join(tmpdir(), `bc-${crypto.randomUUID().slice(0, 8)}`)
  mkdirSync(scratch)
  setDefaultTimeout(CLIENT_TIMEOUT)
  let registry: Registry | undefined
  const deferred: (() => Promise<unknown>)[] = []
  let folders = 0
  function running(): Registry {
    if (registry === undefined) throw new Error('The registry is started before the first test, not earlier.')
    return registry
  }
  beforeAll(async () => {
    registry = await startRegistry(database)
  }, CLIENT_TIMEOUT)
  afterAll(async () => {
    for (const end of deferred.reverse()) await end()
    await registry?.[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true, force: true })
  }, CLIENT_TIMEOUT)
  return {
    get url() {
      return running().url
    },
    get host() {
      return running().host
    },
    log: () => running().log(),
    folder(name) {
      folders += 1
      const folder = join(scratch, `${name}${folders}`)
      mkdirSync(folder)
      return folder
    },
    testTransfer(name, body) {
      if (database === DATABASES[0]) test(name, body)
    },
    defer: (end) => {
      deferred.push(end)
    },
  }
}
