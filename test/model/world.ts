/** A registry whose process can die at any operation, and the next one of which goes on with what it left. */
import { LiveUploads } from '../../src/registry/live-uploads.ts'
import type { Policy, Registry } from '../../src/registry/registry.ts'
import { forgetTreeFactsCommand } from '../../src/registry/tree/reindex.commands.ts'
import { beginStartCommand } from '../../src/registry/tree/tree.commands.ts'
import { goThroughTree } from '../../src/registry/tree/tree-pass.ts'
import { UncheckedTree } from '../../src/registry/tree/unchecked-tree.ts'
import { discardOrphanedUploads } from '../../src/registry/upload-expiry.ts'
import { releaseUploadsOfCommand } from '../../src/registry/uploads.commands.ts'
import { type Bench, THIS_BOOT } from '../registry-bench.ts'
import { SimulatedClock } from './clock.ts'
import type { Ground } from './ground.ts'
import { Life, mortal } from './mortal.ts'

/** One process. */
interface Process {
  readonly life: Life
  readonly bench: Bench
  readonly registry: Registry
}

export class World {
  readonly ground: Ground
  readonly clock: SimulatedClock
  readonly #policy: Partial<Policy>
  #process: Process

  private constructor(ground: Ground, clock: SimulatedClock, policy: Partial<Policy>, process: Process) {
    this.ground = ground
    this.clock = clock
    this.#policy = policy
    this.#process = process
  }

  static async open(ground: Ground, policy: Partial<Policy>): Promise<World> {
    const clock = await SimulatedClock.begin(ground.setDatabaseClock)
    const world = new World(ground, clock, policy, await openProcess(ground, policy))
    await world.goThroughTree()
    return world
  }

  get life(): Life {
    return this.#process.life
  }

  /** As the process has it: it dies with that. */
  get registry(): Registry {
    return this.#process.registry
  }

  /** As somebody sees it who does not die. */
  get bench(): Bench {
    return this.#process.bench
  }

  /** The process is dead, or dies now, and another one takes its place. */
  async restart({ isReindexed = false }: { readonly isReindexed?: boolean } = {}): Promise<void> {
    this.life.end()
    await this.bench.close()
    this.#process = await openProcess(this.ground, this.#policy, isReindexed)
    if (isReindexed) await this.goThroughTree()
  }

  /** To its end, where there is anything to go through. */
  async goThroughTree(): Promise<void> {
    const { tree } = this.registry
    if (tree === null || tree.isChecked) return
    const onError = (error: Error) => {
      throw error
    }
    const options = { process: 'single', onProgress: () => {}, onError, signal: new AbortController().signal }
    const result = await goThroughTree(tree, options)
    if (result === null) throw new Error('nobody else goes through the tree')
  }

  /** As once a second: what the link tree shows becomes durable. */
  async flush(): Promise<void> {
    await this.bench.tree.flush(mortal(this.bench.database, this.life))
  }

  async close(): Promise<void> {
    await this.bench.close()
    await this.ground.remove()
    this.clock.end()
  }
}

/** As the app opens it, save that nothing goes on by itself. */
async function openProcess(ground: Ground, policy: Partial<Policy>, isReindexed = false): Promise<Process> {
  const life = new Life()
  const bench = await ground.open({
    blobs: (real) => mortal(real, life),
    tree: (real) => mortal(real, life),
    policy,
  })
  const database = mortal(bench.database, life)
  const failures = await bench.tree.replay(database)
  if (failures[0] !== undefined) throw failures[0]
  const start = crypto.randomUUID()
  await database.write(beginStartCommand, { start })
  if (isReindexed) await database.write(forgetTreeFactsCommand, null)
  const tree = ground.hasFolder
    ? new UncheckedTree({ database, files: mortal(ground.files, life), start })
    : null
  const uploads = new LiveUploads('single', THIS_BOOT)
  const registry: Registry = { ...bench.registry, database, tree, uploads }
  await database.write(releaseUploadsOfCommand, { process: uploads.process })
  await discardOrphanedUploads(registry)
  return { life, bench, registry }
}
