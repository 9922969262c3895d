/** A registry in this process, with a clock that stands still: it can die at any operation, and the next one goes on with what it left. */
import type { Row, SqlValue } from '../../../src/metadata/database.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import { type CollectResult, collectOnce } from '../../../src/registry/gc/collect.ts'
import { putBackNeeded } from '../../../src/registry/gc/sweep.ts'
import { LiveUploads } from '../../../src/registry/live-uploads.ts'
import type { Registry } from '../../../src/registry/registry.ts'
import { purgeExpired } from '../../../src/registry/trash.ts'
import { forgetTreeFactsCommand } from '../../../src/registry/tree/reindex.commands.ts'
import { beginStartCommand } from '../../../src/registry/tree/tree.commands.ts'
import { goThroughTree } from '../../../src/registry/tree/tree-pass.ts'
import { UncheckedTree } from '../../../src/registry/tree/unchecked-tree.ts'
import { discardOrphanedUploads, expireIdleUploads } from '../../../src/registry/upload-expiry.ts'
import { releaseUploadsOfCommand } from '../../../src/registry/uploads.commands.ts'
import { countUsageCommand } from '../../../src/registry/usage.commands.ts'
import type { VerifyFinding } from '../../../src/registry/verify/finding.ts'
import { BlobHashing } from '../../../src/registry/verify/hashing.ts'
import { type VerifyCursor, verifyPage } from '../../../src/registry/verify/verify.ts'
import type { BlobStore } from '../../../src/storage/blob-store.ts'
import type { TreeStore } from '../../../src/storage/tree-store.ts'
import { type Bench, THIS_BOOT } from '../../registry-bench.ts'
import type { Client, Owner } from '../client.ts'
import type { Times, World } from '../world.ts'
import { OwnerUseCases, UseCases } from './client.ts'
import { DAY, HOUR, MINUTE, SECOND, SimulatedClock } from './clock.ts'
import type { Ground } from './ground.ts'
import { Life, mortal } from './mortal.ts'

/** One process. */
interface Process {
  readonly life: Life
  readonly bench: Bench
  readonly registry: Registry
  readonly client: Client
  readonly owner: Owner
}

/** As where nothing is set. */
const TIMES: Times = {
  step: SECOND,
  minute: MINUTE,
  lease: HOUR,
  grace: 25 * HOUR,
  trash: 7 * DAY,
  uploads: 7 * DAY,
  slack: 0,
}

const VERIFY_OPTIONS = {
  deep: true,
  repair: false,
  bytesPerSecond: 1_000_000_000,
  signal: new AbortController().signal,
}

export class SimulatedWorld implements World {
  readonly isSimulated = true
  readonly times = TIMES
  readonly #ground: Ground
  readonly #clock: SimulatedClock
  #process: Process

  private constructor(ground: Ground, clock: SimulatedClock, process: Process) {
    this.#ground = ground
    this.#clock = clock
    this.#process = process
  }

  static async open(ground: Ground): Promise<World> {
    const clock = await SimulatedClock.begin(ground.setDatabaseClock)
    const world = new SimulatedWorld(ground, clock, await openProcess(ground))
    await world.goThroughTree()
    return world
  }

  get client(): Client {
    return this.#process.client
  }

  get owner(): Owner {
    return this.#process.owner
  }

  get now(): number {
    return this.#clock.now
  }

  get isDead(): boolean {
    return this.#process.life.isOver
  }

  get outlives(): boolean {
    return this.#ground.hasFolder
  }

  get files(): TreeStore {
    return this.#ground.files
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    return this.#process.bench.rows(sql, values)
  }

  storedSize(digest: Digest): Promise<number | null> {
    return this.#ground.blobs.stat(digest)
  }

  forward(milliseconds: number): Promise<void> {
    return this.#clock.forward(milliseconds)
  }

  dieWithin(operations: number): void {
    this.#process.life.dieAfter(operations)
  }

  async restart({ isReindexed }: { readonly isReindexed: boolean }): Promise<void> {
    this.#process.life.end()
    await this.#process.bench.close()
    this.#process = await openProcess(this.#ground, isReindexed)
  }

  async goThroughTree(): Promise<void> {
    const { tree } = this.#process.registry
    if (tree === null || tree.isChecked) return
    const onError = (error: Error) => {
      throw error
    }
    const options = {
      process: 'single',
      onProgress: () => {},
      onError,
      signal: new AbortController().signal,
    }
    const result = await goThroughTree(tree, options)
    if (result === null) throw new Error('nobody else goes through the tree')
  }

  async flush(): Promise<void> {
    const { bench, life } = this.#process
    await bench.tree.flush(mortal(bench.database, life))
  }

  async countUsage(): Promise<void> {
    while ((await this.#process.registry.database.write(countUsageCommand, null)) > 0);
  }

  async collect(times: number, sleepsUntil?: Promise<unknown>): Promise<void> {
    const { registry } = this.#process
    const { blobs } = registry
    const own = sleepsUntil === undefined ? registry : { ...registry, blobs: sleepy(blobs, sleepsUntil) }
    for (let step = 0; step < times; step++) await collectStep(own)
  }

  async collectAll(): Promise<void> {
    while (!(await collectStep(this.#process.registry)).isIdle);
  }

  async purge(): Promise<void> {
    while (!(await purgeExpired(this.#process.registry, { limit: 2 })).isIdle);
  }

  async expireUploads(): Promise<void> {
    await expireIdleUploads(this.#process.registry)
  }

  async verify(): Promise<readonly VerifyFinding[]> {
    const { registry } = this.#process
    const place = { registry, hashing: new BlobHashing(registry.blobs) }
    const findings: VerifyFinding[] = []
    for (let cursor: VerifyCursor | null = null; ; ) {
      const page = await verifyPage(place, VERIFY_OPTIONS, cursor)
      findings.push(...page.findings)
      cursor = page.next
      if (cursor === null) return findings
    }
  }

  async otherBytes(): Promise<readonly string[]> {
    const { blobs } = this.#ground
    const condemned = await Array.fromAsync(blobs.listCondemned(), ({ digest }) => `condemned ${digest}`)
    return [...condemned, ...(await Array.fromAsync(blobs.listUploads(), (id) => `upload ${id}`))]
  }

  async close(): Promise<void> {
    await this.#process.bench.close()
    await this.#ground.remove()
    this.#clock.end()
  }
}

function collectStep(registry: Registry): Promise<CollectResult> {
  return collectOnce(registry, { signal: new AbortController().signal, limit: 3 })
}

function bound(member: unknown, target: object): unknown {
  return typeof member === 'function' ? member.bind(target) : member
}

/** Bytes are taken away only after that time, however long ago it was decided. */
function sleepy(blobs: BlobStore, until: Promise<unknown>): BlobStore {
  return new Proxy(blobs, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function' || name !== 'condemn') return bound(member, target)
      return async (...values: unknown[]) => {
        await until
        return Reflect.apply(member, target, values)
      }
    },
  })
}

/** As the app opens it, save that nothing goes on by itself. */
async function openProcess(ground: Ground, isReindexed = false): Promise<Process> {
  const life = new Life()
  const bench = await ground.open({
    blobs: (real) => mortal(real, life),
    tree: (real) => mortal(real, life),
  })
  const database = mortal(bench.database, life)
  const failures = await bench.tree.replay(database)
  if (failures[0] !== undefined) throw failures[0]
  const start = crypto.randomUUID()
  await database.write(beginStartCommand, { start })
  if (isReindexed) await database.write(forgetTreeFactsCommand, null)
  const files = mortal(ground.files, life)
  const tree = ground.hasFolder ? new UncheckedTree({ database, files, start }) : null
  const uploads = new LiveUploads('single', THIS_BOOT)
  const registry: Registry = { ...bench.registry, database, tree, uploads }
  await database.write(releaseUploadsOfCommand, { process: uploads.process })
  await discardOrphanedUploads(registry)
  await putBackNeeded(registry)
  return { life, bench, registry, client: new UseCases(registry), owner: new OwnerUseCases(registry) }
}
