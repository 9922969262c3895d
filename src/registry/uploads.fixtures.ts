/**
 * What tests of uploads need: ways to stop the world at one point (a gate, a body, a database that fails or
 * waits where it is told to), other processes, and writers that nobody hears of.
 */
import {
  type Command,
  command,
  type Database,
  type Row,
  type SqlValue,
  WriterUnavailable,
} from '../metadata/database.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { LiveUploads } from './live-uploads.ts'
import type { Registry } from './registry.ts'
import type { UploadSession } from './uploads.commands.ts'

export interface GateKeeper {
  /** Somebody stands before the gate. */
  readonly reached: Promise<void>
  /** Lets everybody through. */
  opened(): void
}

export class Gate {
  readonly #reached = Promise.withResolvers<void>()
  readonly #opened = Promise.withResolvers<void>()
  readonly keeper: GateKeeper = { reached: this.#reached.promise, opened: this.#opened.resolve }

  pass(): Promise<void> {
    this.#reached.resolve()
    return this.#opened.promise
  }
}

type Failure = 'not-run' | 'answer-lost'

export class UnreliableDatabase implements Database {
  readonly #real: Database
  /** By the name of the command, what becomes of its next runs. */
  readonly #failures = new Map<string, Failure[]>()
  #reads: Gate | null = null
  /** How many stand before the gate of the reads. */
  waitingReads = 0

  constructor(real: Database) {
    this.#real = real
  }

  /** From now on every read waits until the gate is opened. */
  gateReads(): GateKeeper {
    this.#reads = new Gate()
    return this.#reads.keeper
  }

  async one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    await this.#passGate()
    return await this.#real.one(sql, values, decode)
  }

  async all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    await this.#passGate()
    return await this.#real.all(sql, values, decode)
  }

  requireInPlace(): Promise<void> {
    return this.#real.requireInPlace()
  }

  /** The next runs of the command fail so. */
  fail(command: { readonly name: string }, ...failures: Failure[]): void {
    this.#failures.set(command.name, failures)
  }

  async write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    const failure = this.#failures.get(command.name)?.shift()
    if (failure === 'not-run') throw new WriterUnavailable('The writer is gone.')
    const output = await this.#real.write(command, input)
    if (failure === 'answer-lost') throw new WriterUnavailable('The writer is gone.')
    return output
  }

  close(): Promise<void> {
    return this.#real.close()
  }
  async #passGate(): Promise<void> {
    this.waitingReads++
    await this.#reads?.pass()
    this.waitingReads--
  }
}

/** Another process with the same database and storage. */
export function asOther(registry: Registry): Registry {
  return { ...registry, uploads: new LiveUploads(`other-${crypto.randomUUID()}`, registry.uploads.boot) }
}

/** A body that gives these bytes, and ends when it is told to. */
export function endingBody(bytes: Uint8Array) {
  const taken = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes
    taken.resolve()
    await ended.promise
  }
  return { body: body(), taken: taken.promise, end: ended.resolve }
}

const setWriter = command(
  'test.set-writer',
  (tx, input: { readonly id: UploadId; readonly writer: string; readonly lease: number }) =>
    tx.run('UPDATE uploads SET writer = $2, writer_lease_until = $3 WHERE id = $1', [
      input.id,
      input.writer,
      tx.now + input.lease,
    ]),
)

/** A writer that nobody hears of: one that hangs, or is dead. */
export async function holdAs(
  bench: { readonly database: Database },
  { id }: UploadSession,
  writer: string,
  lease: number,
): Promise<void> {
  await bench.database.write(setWriter, { id, writer, lease })
}

const lapse = command('test.lapse', (tx, input: { readonly id: UploadId }) =>
  tx.run('UPDATE uploads SET writer_lease_until = 1 WHERE id = $1', [input.id]),
)

/** Nobody has heard of the writer for so long that nobody knows whether it still writes. */
export async function letLapse(bench: { readonly database: Database }, id: UploadId): Promise<void> {
  await bench.database.write(lapse, { id })
}
