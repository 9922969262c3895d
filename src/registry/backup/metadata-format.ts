/**
 * The form of a backup of the metadata: text, a JSON value a line, so that it can be read without Berth and in many
 * years. A head says whose it is and of which schema; then each table with its columns, followed by its rows, each a
 * list of values (bytes as base64); an end with the number of rows of each table and the digest of all lines before it.
 * A backup without that end, or with another digest, is no backup.
 */
import { z } from 'zod'
import { messageOf } from '../../lib/thrown.ts'
import type { Column, TableRow, TableShape } from '../../metadata/tables.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'

/** Of this form, not of the schema: raised when an older Berth could not read it. */
const FORM = 1

export interface MetadataHead {
  /** The id of the registry, as in `berth/id`. */
  readonly registry: string
  readonly schema: number
  readonly schemaName: string
  /** Milliseconds since 1970. */
  readonly madeAt: number
  /** The Berth that made it. */
  readonly program: string
}

/** A table's name, and its columns at the time. */
export type StoredTable = Pick<TableShape, 'name' | 'columns'>

export interface StoredRows {
  readonly table: StoredTable
  readonly rows: readonly TableRow[]
}

/** Number of rows, by table. */
export type RowCounts = Readonly<Record<string, number>>

/** It cannot be used. The message says what is wrong with it, and what to do. */
export class BackupDamaged extends Error {
  override readonly name = 'BackupDamaged'
}

/** A newer Berth has made it. */
export class BackupTooNew extends Error {
  override readonly name = 'BackupTooNew'
}

/** A frame of the compression: as small as compresses well. */
const CHUNK_BYTES = 1024 * 1024
/** Rows that are handed on together. */
const PAGE = { rows: 500, bytes: 4 * 1024 * 1024 }
/** A manifest of 4 MiB as base64, with whatever else its row holds. */
const LONGEST_LINE = 64 * 1024 * 1024

/** The lines, in chunks of about a mebibyte. */
export async function* encodeMetadata(
  head: MetadataHead,
  tables: AsyncIterable<StoredRows>,
): AsyncGenerator<Uint8Array> {
  const lines = new LineBuffer()
  lines.add({ berth: 'metadata', form: FORM, ...head })
  const counts: Record<string, number> = {}
  for await (const { table, rows } of tables) {
    if (counts[table.name] === undefined) {
      counts[table.name] = 0
      lines.add({ table: table.name, columns: table.columns.map(({ name, kind }) => [name, kind]) })
    }
    counts[table.name] = (counts[table.name] ?? 0) + rows.length
    for (const row of rows) {
      lines.add(
        row.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value)),
      )
      if (lines.bytes > CHUNK_BYTES) yield lines.take()
    }
  }
  yield lines.take()
  lines.add({ end: counts, sha256: lines.digest() })
  yield lines.take()
}

class LineBuffer {
  readonly #hasher = new Bun.CryptoHasher('sha256')
  #waiting: Buffer[] = []
  bytes = 0

  add(value: unknown): void {
    const line = Buffer.from(`${JSON.stringify(value)}\n`)
    this.#waiting.push(line)
    this.bytes += line.length
  }

  take(): Uint8Array {
    const taken = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.bytes = 0
    this.#hasher.update(taken)
    return taken
  }

  /** Of all that was taken. */
  digest(): string {
    return this.#hasher.copy().digest('hex')
  }
}

export interface DecodedMetadata {
  readonly head: MetadataHead
  /** Rows, some at a time; the last step throws where they are not what was written. */
  readonly tables: AsyncGenerator<StoredRows, RowCounts>
}

/** Reads the head at once. Throws BackupDamaged, BackupTooNew; so does whoever goes through the tables. */
export async function decodeMetadata(bytes: AsyncIterable<Uint8Array>): Promise<DecodedMetadata> {
  const lines = new LineReader(bytes)
  try {
    return { head: headOf(await lines.next()), tables: decodeTables(lines) }
  } catch (error) {
    await lines.close()
    throw error
  }
}

/** Waits, after so many milliseconds of work: so the rest of the process gets its turn. */
export type Pause = (milliseconds: number) => Promise<void>

export const withoutPause: Pause = () => Promise.resolve()

/** Reads it whole, and gives what it holds. Throws BackupDamaged, BackupTooNew. */
export async function verifyMetadata(
  bytes: AsyncIterable<Uint8Array>,
  pause = withoutPause,
): Promise<{ readonly head: MetadataHead; readonly counts: RowCounts }> {
  const { head, tables } = await decodeMetadata(bytes)
  for (;;) {
    const began = performance.now()
    const step = await tables.next()
    if (step.done === true) return { head, counts: step.value }
    await pause(performance.now() - began)
  }
}

const headLine = z.object({
  berth: z.literal('metadata'),
  form: z.number().int(),
  registry: z.string(),
  schema: z.number().int(),
  schemaName: z.string(),
  madeAt: z.number().int(),
  program: z.string(),
})

const tableLine = z.strictObject({
  table: z.string(),
  columns: z.array(z.tuple([z.string(), z.enum(['integer', 'text', 'bytes'])])).min(1),
})

const endLine = z.strictObject({ end: z.record(z.string(), z.number().int()), sha256: z.string() })

function headOf(line: unknown): MetadataHead {
  const parsed = headLine.safeParse(line)
  if (!parsed.success) throw new BackupDamaged('It does not begin as a backup of metadata does.')
  const { form, berth: _, ...head } = parsed.data
  if (form > FORM) {
    throw new BackupTooNew(
      `It was made by Berth ${head.program} in a form that this one cannot read. Use that Berth.`,
    )
  }
  return head
}

async function* decodeTables(lines: LineReader): AsyncGenerator<StoredRows, RowCounts> {
  try {
    return yield* decodeRows(lines)
  } finally {
    await lines.close()
  }
}

async function* decodeRows(lines: LineReader): AsyncGenerator<StoredRows, RowCounts> {
  const counts: Record<string, number> = {}
  let page: Page | null = null
  for (;;) {
    const line = await lines.next()
    if (Array.isArray(line)) {
      if (page === null) throw new BackupDamaged('A row in it belongs to no table.')
      page.add(line, lines.lineBytes)
      if (page.isFull) yield page.take(counts)
      continue
    }
    if (page !== null) yield page.take(counts)
    const end = endLine.safeParse(line)
    if (end.success) return await requireSame(lines, end.data, counts)
    page = new Page(tableOf(line))
  }
}

async function requireSame(
  lines: LineReader,
  end: z.output<typeof endLine>,
  counts: RowCounts,
): Promise<RowCounts> {
  const isSame = Bun.deepEquals(end.end, counts) && end.sha256 === lines.digestBefore()
  if (!isSame) throw new BackupDamaged('Its rows are not those that were written: the digest differs.')
  if (!(await lines.hasEnded())) throw new BackupDamaged('It goes on behind its end.')
  return counts
}

function tableOf(line: unknown): StoredTable {
  const parsed = tableLine.safeParse(line)
  if (!parsed.success) throw new BackupDamaged('A line in it is neither a row nor a table.')
  return { name: parsed.data.table, columns: parsed.data.columns.map(([name, kind]) => ({ name, kind })) }
}

/** Rows that are handed on together. */
class Page {
  readonly #table: StoredTable
  #rows: TableRow[] = []
  #bytes = 0

  constructor(table: StoredTable) {
    this.#table = table
  }

  get isFull(): boolean {
    return this.#rows.length >= PAGE.rows || this.#bytes >= PAGE.bytes
  }

  add(line: readonly unknown[], bytes: number): void {
    const { columns } = this.#table
    if (line.length !== columns.length)
      throw new BackupDamaged('A row in it has not the columns of its table.')
    this.#rows.push(columns.map((column, index) => columnValue(column, line[index])))
    this.#bytes += bytes
  }

  take(counts: Record<string, number>): StoredRows {
    const rows = this.#rows
    this.#rows = []
    this.#bytes = 0
    counts[this.#table.name] = (counts[this.#table.name] ?? 0) + rows.length
    return { table: this.#table, rows }
  }
}

function columnValue({ name, kind }: Column, value: unknown): TableRow[number] {
  if (value === null) return null
  if (kind === 'integer' && typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (kind === 'text' && typeof value === 'string') return value
  if (kind === 'bytes' && typeof value === 'string') return Uint8Array.from(Buffer.from(value, 'base64'))
  throw new BackupDamaged(`A row in it has no ${kind} in the column ${name}.`)
}

/** JSON values, a line each, and the digest of the lines so far. */
class LineReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #hasher = new Bun.CryptoHasher('sha256')
  #buffer: Buffer = Buffer.alloc(0)
  /** The last line, which is not hashed yet. */
  #last: Uint8Array = new Uint8Array()
  /** Of the last line. */
  lineBytes = 0

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#chunks = bytes[Symbol.asyncIterator]()
  }

  /** Throws BackupDamaged. */
  async next(): Promise<unknown> {
    let end = this.#buffer.indexOf(10)
    while (end < 0) {
      const searched = this.#buffer.length
      if (searched > LONGEST_LINE)
        throw new BackupDamaged('A line in it is longer than any that Berth writes.')
      if (!(await this.#more())) throw new BackupDamaged('It ends too early: it was cut off.')
      end = this.#buffer.indexOf(10, searched)
    }
    const line = this.#buffer.subarray(0, end + 1)
    this.#buffer = this.#buffer.subarray(end + 1)
    this.#hasher.update(this.#last)
    this.#last = line
    this.lineBytes = line.length
    return parsed(line)
  }

  /** The digest of all lines before the last one. */
  digestBefore(): string {
    return this.#hasher.copy().digest('hex')
  }

  async hasEnded(): Promise<boolean> {
    while (this.#buffer.length === 0) if (!(await this.#more())) return true
    return false
  }

  /** Whatever lies open for it is closed. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #more(): Promise<boolean> {
    const step = await this.#chunks.next().catch((error: unknown) => {
      if (error instanceof StorageUnavailable) throw error
      throw new BackupDamaged(`It cannot be decompressed: ${messageOf(error)}.`, { cause: error })
    })
    if (step.done === true) return false
    this.#buffer =
      this.#buffer.length === 0 ? Buffer.from(step.value) : Buffer.concat([this.#buffer, step.value])
    return true
  }
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString())
  } catch (error) {
    throw new BackupDamaged('A line in it is torn.', { cause: error })
  }
}
