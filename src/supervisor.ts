/**
 * The third composition root: stands over several workers on one port. It holds the lock on the volume, starts
 * the writer (on SQLite) and then the workers, restarts what dies, and stops the workers before the writer,
 * for their last requests still write. It does nothing else, so that nothing can take it down.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describeServer, openControlSocket } from './app/control.ts'
import { writerSettings } from './app/database.ts'
import { openDebugServer } from './app/debug-server.ts'
import { withLocalCertificate } from './app/local-certificate.ts'
import type { AnswerTo, Crew, Question } from './app/questions.ts'
import type { ReloadRequest } from './app/reload.ts'
import { type ChildFailed, NoAnswer, SupervisedProcess } from './app/supervised-process.ts'
import { claimConfiguredVolume, type VolumeFacts } from './app/volume.ts'
import type { WriterAddress, WriterSettings } from './app/writer-settings.ts'
import type { Config } from './config/config.ts'
import type { Log } from './observability/log.ts'
import type { Metric } from './observability/metrics.ts'
import { describeProcess } from './observability/process-metrics.ts'
import { ANSWER_WITHIN } from './protocols/management/exchange.ts'

/** What a child must know to begin. */
export interface ChildStart {
  readonly config: Config
  /** Its place among its siblings; who takes its place has the same. */
  readonly name: string
  readonly volume: VolumeFacts | null
  /** How to write: null on PostgreSQL, where every worker does so itself. */
  readonly writer: (WriterSettings & WriterAddress) | null
}

export interface SupervisorOptions {
  readonly config: Config
  /** How to start this program again; `worker` or `writer` is added. */
  readonly program: readonly string[]
  readonly log: Log
}

export interface Supervisor {
  /** Where the workers listen. */
  readonly url: string
  /** Rejects with ChildFailed when something would not stay up. Never resolves. */
  readonly broken: Promise<never>
  /** Has every worker read again what it can. Gives the names of what could not be read. */
  reload(request: ReloadRequest): Promise<readonly string[]>
  /** Lets requests in flight end within the grace; all processes are gone a second and a half later at most. */
  close(graceMilliseconds: number): Promise<void>
  /** Ends every process at once. */
  kill(): void
}

/** After the workers nothing is in flight: the writer only flushes and closes. */
const WRITER_GRACE = 500
/** The worker gives its answer up before. */
const OWNER_PATIENCE = ANSWER_WITHIN + 5_000
/** Systems keep a socket's address in a field of little more than this. */
const LONGEST_SOCKET_PATH = 100

/** Resolves when every worker listens. Throws ChildFailed, VolumeRefused, VolumeInUse. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const closers = new AsyncDisposableStack()
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {}) // It may break before anybody looks.
  const family = new Family(options, broken.reject)
  try {
    const volume = await claimConfiguredVolume(options.config, closers)
    const config = await withLocalCertificate(options.config, options.log, closers)
    const url = await family.start(config, volume, await writerOf(options, volume, closers))
    await openDebugServer(options.config.http.debug, { crew: family, log: options.log }, closers)
    await openControlSocket(
      {
        root: volume?.root ?? null,
        crew: family,
        status: () => ({ ...describeServer(options.config, url), processes: family.processes() }),
        log: options.log,
      },
      closers,
    )
    return {
      url,
      broken: broken.promise,
      reload: (request) => family.reload(request),
      async close(graceMilliseconds) {
        await family.stop(graceMilliseconds)
        await closers.disposeAsync()
      },
      kill: () => family.kill(),
    }
  } catch (error) {
    family.kill()
    await closers.disposeAsync()
    throw error
  }
}

async function writerOf(
  { config, log }: SupervisorOptions,
  volume: VolumeFacts | null,
  closers: AsyncDisposableStack,
): Promise<ChildStart['writer']> {
  if (config.database.kind === 'postgres') return null
  const settings = await writerSettings(config, volume, log, closers)
  return { ...settings, socket: await socketPath(settings, closers) }
}

/** Beside the database, or in a folder with a short name. */
async function socketPath({ databasePath }: WriterSettings, closers: AsyncDisposableStack): Promise<string> {
  const beside = join(dirname(databasePath), 'writer.sock')
  if (Buffer.byteLength(beside) <= LONGEST_SOCKET_PATH) return beside
  const folder = await mkdtemp(join(tmpdir(), 'berth-'))
  closers.defer(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'writer.sock')
}

/** The children of one supervisor. */
class Family implements Crew {
  readonly #options: SupervisorOptions
  readonly #onGivenUp: (error: ChildFailed) => void
  #writer: SupervisedProcess<ChildStart> | null = null
  #workers: SupervisedProcess<ChildStart>[] = []
  #logLevel: Config['log']['level']

  constructor(options: SupervisorOptions, onGivenUp: (error: ChildFailed) => void) {
    this.#options = options
    this.#onGivenUp = onGivenUp
    this.#logLevel = options.config.log.level
  }

  /** The address of the first worker, which is that of all. */
  async start(config: Config, volume: VolumeFacts | null, writer: ChildStart['writer']): Promise<string> {
    if (writer !== null) {
      this.#writer = this.#child('writer', { config, name: 'writer', volume, writer })
      await this.#writer.start()
    }
    const numbers = Array.from({ length: config.workers }, (_, index) => index + 1)
    this.#workers = numbers.map((number) =>
      this.#child('worker', { config, name: `worker-${number}`, volume, writer }),
    )
    const urls = await Promise.all(this.#workers.map((worker) => worker.start()))
    return urls[0] ?? ''
  }

  async askAll<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>[]> {
    const workers = await answersOf<AnswerTo<Asked>>(this.#workers, question)
    if (question.kind !== 'metrics') return workers
    const writer = await answersOf<AnswerTo<Asked>>(this.#writer === null ? [] : [this.#writer], question)
    const itself: readonly Metric[] = await describeProcess()
    return [...workers, ...writer, itself as AnswerTo<Question> as AnswerTo<Asked>]
  }

  async askOne<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>> {
    let failure: unknown = new NoAnswer('no worker runs now')
    for (const worker of this.#workers) {
      try {
        return (await worker.ask(question, patienceFor(question))) as AnswerTo<Asked>
      } catch (error) {
        failure = error
        if (isDone(question, error)) break
      }
    }
    throw failure
  }

  /** Whoever takes a worker's place afterwards has the new level too. */
  async reload(request: ReloadRequest): Promise<readonly string[]> {
    this.#logLevel = request.logLevel
    this.#options.log.setLevel(request.logLevel)
    const failed = await this.askAll({ kind: 'reload', ...request })
    return [...new Set(failed.flat())]
  }

  #child(command: string, start: ChildStart): SupervisedProcess<ChildStart> {
    const { program, log } = this.#options
    return new SupervisedProcess({
      name: start.name,
      command: [...program, command],
      start: () => ({ ...start, config: withLogLevel(start.config, this.#logLevel) }),
      log,
      onGivenUp: this.#onGivenUp,
    })
  }

  async stop(graceMilliseconds: number): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMilliseconds)))
    await this.#writer?.stop(WRITER_GRACE)
  }

  /** Which run now, by their names. */
  processes(): Readonly<Record<string, number | null>> {
    const all = this.#writer === null ? this.#workers : [this.#writer, ...this.#workers]
    return Object.fromEntries(all.map(({ name, pid }) => [name, pid]))
  }

  kill(): void {
    for (const worker of this.#workers) worker.kill()
    this.#writer?.kill()
  }
}

/** In milliseconds: what the owner asks may change much. */
function patienceFor({ kind }: Question): number | undefined {
  return kind === 'owner' ? OWNER_PATIENCE : undefined
}

/** What the owner asked for may have been done although nobody says so: it is not asked of another. */
function isDone({ kind }: Question, error: unknown): boolean {
  return kind === 'owner' && !(error instanceof NoAnswer && !error.wasAsked)
}

function withLogLevel(config: Config, level: Config['log']['level']): Config {
  return { ...config, log: { ...config.log, level } }
}

/** Of those that answer. */
async function answersOf<Answer>(
  children: readonly SupervisedProcess<ChildStart>[],
  question: Question,
): Promise<Answer[]> {
  const outcomes = await Promise.allSettled(children.map((child) => child.ask(question)))
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value as Answer] : []))
}
