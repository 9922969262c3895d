/**
 * Many rows in few statements. A statement is cached by its text, so rows go in chunks of three sizes. Unlike
 * those of chunks.ts no chunk repeats a row, for PostgreSQL refuses a statement that updates one row twice.
 */
import type { SqlValue, Transaction } from './database.ts'

const SIZES = [100, 10, 1] as const

export interface ManyRows {
  /** A table with its columns: `tags (repository_id, name)`. */
  readonly into: string
  readonly rows: readonly (readonly SqlValue[])[]
  /** What follows the values, such as `ON CONFLICT (name) DO NOTHING`. */
  readonly ending: string
}

/** Gives how many rows were inserted or changed. */
export async function insertRows(tx: Transaction, { into, rows, ending }: ManyRows): Promise<number> {
  let changed = 0
  for (const chunk of exactChunksOf(rows)) {
    changed += await tx.run(`INSERT INTO ${into} VALUES ${placesFor(chunk)} ${ending}`, chunk.flat())
  }
  return changed
}

/** The items in their order, in chunks of 100, 10 and 1. */
export function exactChunksOf<Item>(items: readonly Item[]): (readonly Item[])[] {
  const chunks: (readonly Item[])[] = []
  for (let start = 0; start < items.length; ) {
    const size = SIZES.find((each) => each <= items.length - start) ?? 1
    chunks.push(items.slice(start, start + size))
    start += size
  }
  return chunks
}

/** `($1, $2), ($3, $4)`: places for these rows, each with as many values as the first. */
export function placesFor(rows: readonly (readonly unknown[])[]): string {
  const width = rows[0]?.length ?? 0
  return rows
    .map((_, row) => `(${Array.from({ length: width }, (_, at) => `$${row * width + at + 1}`).join(', ')})`)
    .join(', ')
}
