/** Reads rows and their columns alike for both databases. A column of another type is a defect of the statement. */
import type { Read, Row, SqlValue } from './database.ts'

/** Whether the statement finds any row at all. */
export async function exists(read: Read, sql: string, values: readonly SqlValue[]): Promise<boolean> {
  return (await read.one(sql, values, () => true)) ?? false
}

export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw new TypeError(`column ${column} holds ${typeof value}, not text`)
}

export function optionalText(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

/** PostgreSQL gives int8 as text, and counts and sums too; all of ours are below 2^53. */
export function integer(row: Row, column: string): number {
  const value = Number(row[column])
  if (row[column] !== null && Number.isSafeInteger(value)) return value
  throw new TypeError(`column ${column} holds no integer`)
}

export function optionalInteger(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column)
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  // PostgreSQL gives a Buffer, whose slice shares its memory as no other array's does.
  if (value instanceof Buffer) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof Uint8Array) return value
  throw new TypeError(`column ${column} holds ${typeof value}, not bytes`)
}
