/** One run: a registry, the model of it, and what happened, step by step. Everything that is done to the registry is an act here. */
import { RegistryError } from '../../src/oci/errors.ts'
import { requireSoundRows } from './checks/rows.ts'
import { requireTree } from './checks/tree.ts'
import { requireUsage } from './checks/usage.ts'
import type { Client } from './client.ts'
import { type Alternatives, contradictions, settled } from './comparison.ts'
import { Model } from './model.ts'
import { look } from './view.ts'
import type { World } from './world.ts'

/** So often whoever looks after the trash comes by until nothing of it is half done. */
const MOST_ROUNDS = 5

/** One call of a use case, and what it makes of the model. */
export interface Act<Result> {
  readonly says: string
  call(client: Client): Promise<Result>
  /** What must be so once it is acknowledged; `result` is undefined where the process died before anybody heard it. */
  effect(model: Model, result: Result | undefined): void
  /** The codes of errors with which it may be refused; then it has changed nothing. */
  readonly mayFail?: readonly string[]
  /** It must be refused, with one of these. */
  readonly mustFail?: readonly string[]
}

export type Outcome<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'refused'; readonly code: string }

export class Run {
  readonly world: World
  readonly story: string[] = []
  model: Model
  #failure: { readonly error: unknown } | null = null

  constructor(world: World) {
    this.world = world
    this.model = new Model(world)
  }

  tell(sentence: string): void {
    this.story.push(sentence)
  }

  /** Throws where it is answered otherwise than it may be. Throws Died where the process died meanwhile. */
  async act<Result>(act: Act<Result>): Promise<Outcome<Result>> {
    try {
      const result = await act.call(this.world.client)
      if (this.world.isDead) throw new Error('the answer came to nobody')
      this.tell(`  ${act.says}`)
      if (act.mustFail !== undefined)
        throw new Error(`this was acknowledged, and had to be refused: ${act.says}`)
      act.effect(this.model, result)
      return { kind: 'done', result }
    } catch (error) {
      if (this.world.isDead) throw new Interrupted(act as Act<unknown>)
      return this.#refused(act, error)
    }
  }

  #refused<Result>({ says, mayFail, mustFail }: Act<Result>, error: unknown): Outcome<Result> {
    const allowed = mustFail ?? mayFail ?? []
    if (!(error instanceof RegistryError) || !allowed.includes(error.code)) throw error
    this.tell(`  ${says}: ${error.code}`)
    return { kind: 'refused', code: error.code }
  }

  /** For what goes wrong beside a step: told with the next check. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  async forward(milliseconds: number): Promise<void> {
    await this.world.forward(milliseconds)
    this.model.now = this.world.now
  }

  /** To be done when the process has died: what the interrupted act would have made of the model may be so or not. */
  async restart(interrupted: Interrupted | null, { isReindexed = false } = {}): Promise<void> {
    await this.world.restart({ isReindexed })
    await this.#finishDeletions()
    const after = new Model(this.model)
    interrupted?.act.effect(after, undefined)
    await this.#compare({ before: this.model, after })
  }

  /** What the process has begun with the trash before it died is gone on with by whoever looks after that. */
  async #finishDeletions(): Promise<void> {
    const findUnfinished = () => this.world.rows(`SELECT id, state FROM trash WHERE state <> 'kept'`)
    for (let round = 0; (await findUnfinished()).length > 0; round++) {
      if (round === MOST_ROUNDS)
        throw new Error(`nobody goes on with ${JSON.stringify(await findUnfinished())}`)
      await this.forward(2 * this.world.times.minute)
      await this.world.purge()
    }
  }

  /** After each step: everything that can be seen is as the model says, and every rule holds in the tables. */
  async check(): Promise<void> {
    if (this.#failure !== null) throw this.#failure.error
    await this.#compare({ before: this.model, after: this.model })
    await requireSoundRows(this.world, this.model)
  }

  /** Once everything is shown and counted: link tree and counters say what the database says. */
  async checkAll(): Promise<void> {
    await this.world.flush()
    await requireTree(this.world)
    await this.world.countUsage()
    await requireUsage(this.world)
  }

  async #compare(alternatives: Alternatives): Promise<void> {
    const view = await look(this.world)
    for (const model of Object.values(alternatives) as Model[]) model.now = this.world.now
    const wrong = contradictions(view, alternatives)
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
    this.model = settled(view, alternatives)
  }
}

/** The process died while this was done: nobody has been answered. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly act: Act<unknown>

  constructor(act: Act<unknown>) {
    super(`the process died in: ${act.says}`)
    this.act = act
  }
}
