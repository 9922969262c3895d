/**
 * One kill from beginning to end: a server is pushed to and dies at a point, and then everything that it had
 * answered is looked for: by its siblings where it had some, by registry:2 on the same folder, and by the next
 * Berth, in which cut-off pushes go on.
 */

import { expect } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import {
  ConnectionLost,
  Ledger,
  pushRound,
  pushUntilLost,
  RecordingClient,
  type RequestHooks,
  type RequestKind,
  type SentRequest,
} from '../fault/ledger.ts'
import { expectNothingHalf, expectPromisesKept, finishUploads } from '../fault/promises.ts'
import { countSteps, killAt, slowDown, type Tracer, traceSteps } from '../fault/strace.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { until } from '../until.ts'
import type { Arena, ArenaPlan } from './arenas.ts'
import type { CountedRequest, KillPoint } from './points.ts'

/** A call that the request does not reach in one thread is reached in one of these. */
const ROUNDS = 60
/** Much longer than an answer takes to the client. */
const DISK_DELAY_MS = 20

/** What is killed, and with what. */
export interface Stage {
  readonly strace: string
  readonly plan: ArenaPlan
  readonly arena: Arena
}

/** The steps of each request of a round that moves a tag, each traced apart. */
export async function countRequests({ strace, plan, arena }: Stage): Promise<CountedRequest[]> {
  await using berth = await startBerth({ env: await arena.environment() })
  const ledger = new Ledger()
  await pushRound(new RecordingClient(berth.url, ledger), 'warm up')
  const counted: CountedRequest[] = []
  const tracers: Tracer[] = []
  const client = new RecordingClient(berth.url, ledger, {
    async before() {
      tracers.push(await traceSteps(strace, plan.victimsOf(berth)))
    },
    async answered({ kind }) {
      for (const tracer of tracers.splice(0)) {
        await tracer.stop()
        counted.push({ kind, steps: countSteps(tracer.output()) })
        await tracer[Symbol.asyncDispose]()
      }
    },
  })
  await pushRound(client, 'counted')
  return counted
}

/** What a client was doing when the process died. */
export interface Death {
  /** The request in flight; where none was, the one that had just been answered. */
  readonly kind: RequestKind
  readonly isAnswered: boolean
  /** Each of several that do the same came to its own point before the other's death was noticed: nobody serves until one is replaced. */
  readonly wasOfAll: boolean
}

/** Kills a server at the point. Throws where it then lacks something that it had answered, or shows half of something. */
export async function surviveKill(stage: Stage, point: KillPoint): Promise<Death> {
  const env = await stage.arena.environment()
  const ledger = new Ledger()
  await using berth = await startBerth({ env })
  await pushRound(new RecordingClient(berth.url, ledger), 'before')
  const death = await pushUntilKilled(stage, berth, ledger, point)
  if (stage.plan.hasSiblings) await expectLifeGoesOn(stage, berth, ledger, death)
  await berth.kill()
  expectWholeFiles(berth.data)
  {
    await using peer = await startDockerRegistry({ data: berth.data })
    await expectPromisesKept(peer.url, ledger)
  }
  await using again = await startBerth({ data: berth.data, env })
  await expectAllWell(stage, again, ledger)
  return death
}

/** Pushes until a process of the server is dead. */
function pushUntilKilled(stage: Stage, berth: BerthServer, ledger: Ledger, point: KillPoint): Promise<Death> {
  const fault =
    point.at === 'answered' ? killBehindAnswer(stage, berth, point) : killAtStep(stage, berth, point)
  return pushWithFault(fault, berth, ledger)
}

async function pushWithFault(fault: Fault, berth: BerthServer, ledger: Ledger): Promise<Death> {
  const last = new LastRequest(fault.hooks)
  {
    await using _ = fault
    await pushUntilLost(new RecordingClient(berth.url, ledger, last), 'traced', ROUNDS)
    await until('a process has been killed', fault.hasKilled)
  }
  return { ...last.asDeath(), wasOfAll: fault.hasKilledAll() }
}

/** Knows how far the last request came that was sent, beside what a fault does around it. */
class LastRequest implements RequestHooks {
  readonly #hooks: Required<RequestHooks>
  #death: Omit<Death, 'wasOfAll'> | null = null

  constructor(hooks: Required<RequestHooks>) {
    this.#hooks = hooks
  }

  async before(request: SentRequest): Promise<void> {
    await this.#hooks.before(request)
    this.#death = { kind: request.kind, isAnswered: false }
  }

  async answered(request: SentRequest): Promise<void> {
    this.#death = { kind: request.kind, isAnswered: true }
    await this.#hooks.answered(request)
  }

  asDeath(): Omit<Death, 'wasOfAll'> {
    if (this.#death === null) throw new Error('No request was sent.')
    return this.#death
  }
}

/** What is done around the requests of a client, so that they run into a fault. */
interface Fault extends AsyncDisposable {
  readonly hooks: Required<RequestHooks>
  hasKilled(): boolean
  /** Of several that could have been killed, none is left. */
  hasKilledAll(): boolean
}

/** Armed before the point's request, and from then on until it has killed. */
function killAtStep({ strace, plan }: Stage, berth: BerthServer, { request, at }: KillPoint): Fault {
  const tracers: Tracer[] = []
  let victims: readonly number[] = []
  const hasKilled = () => {
    const living = berth.processes()
    return victims.some((pid) => !living.includes(pid))
  }
  const hasKilledAll = () => {
    const living = berth.processes()
    return victims.length > 1 && victims.every((pid) => !living.includes(pid))
  }
  const hooks = {
    async before({ number }: SentRequest) {
      if (hasKilled()) throw new ConnectionLost('The process that was to die has died after an answer.')
      if (number === request && at !== 'answered') {
        victims = plan.victimsOf(berth)
        tracers.push(await killAt(strace, victims, at))
      }
    },
    async answered() {},
  }
  return { hooks, hasKilled, hasKilledAll, [Symbol.asyncDispose]: () => disposeAll(tracers) }
}

/**
 * From the point's request on everything that makes something last takes its time; so what was answered without
 * waiting for it is not done when the client, with the answer in its hand, kills.
 */
function killBehindAnswer({ strace, plan }: Stage, berth: BerthServer, point: KillPoint): Fault {
  const tracers: Tracer[] = []
  const hasKilled = () => berth.processes().length === 0
  const hooks = {
    async before({ number }: SentRequest) {
      if (hasKilled()) throw new ConnectionLost('The server was killed behind an answer.')
      if (number !== point.request) return
      tracers.push(await slowDown(strace, berth.processes(), plan.lastingSteps, DISK_DELAY_MS))
    },
    async answered({ number }: SentRequest) {
      if (number === point.request) await berth.kill()
    },
  }
  return { hooks, hasKilled, hasKilledAll: () => false, [Symbol.asyncDispose]: () => disposeAll(tracers) }
}

async function disposeAll(tracers: readonly Tracer[]): Promise<void> {
  for (const tracer of tracers) await tracer[Symbol.asyncDispose]()
}

/** One of several processes is dead: the others serve on, and it is replaced. Where all are, the replaced ones do. */
async function expectLifeGoesOn(
  stage: Stage,
  berth: BerthServer,
  ledger: Ledger,
  { wasOfAll }: Death,
): Promise<void> {
  await until('its death is noticed', () => berth.log().includes('was ended by SIGKILL'))
  if (!wasOfAll) await expectPromisesKept(berth.url, ledger)
  await until('the dead process is replaced', () => berth.log().includes(' works again'))
  await until('it is ready', async () => (await fetch(`${berth.url}/readyz`)).status === 200)
  await expectAllWell(stage, berth, ledger)
}

/** Everything acknowledged is there, nothing half is, and what was cut off goes on. */
async function expectAllWell({ plan }: Stage, { url }: BerthServer, ledger: Ledger): Promise<void> {
  await expectPromisesKept(url, ledger)
  await expectNothingHalf(url, ledger)
  await finishUploads(url, ledger, { withinMilliseconds: plan.uploadsGoOnWithinMilliseconds })
  await pushRound(new RecordingClient(url, ledger), 'traced round 0')
  await expectPromisesKept(url, ledger)
}

/** Every blob of the folder has the bytes of its name, and every link names a digest: registry:2 checks neither. */
function expectWholeFiles(data: string): void {
  const root = join(data, 'docker/registry/v2')
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const name = basename(path)
    if (name === 'data') {
      const digest = createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex')
      expect(digest).toBe(basename(dirname(path)))
    }
    if (name === 'link') expect(readFileSync(join(root, path), 'utf8')).toMatch(/^sha256:[0-9a-f]{64}$/)
  }
}
