/**
 * What a statement of Berth's touches, read from its SQL and its values: for telling which statements of two
 * sessions may be swapped. Where in doubt it touches more. Names are tables, or a table and a digest where its
 * rows are found by digests.
 */
import type { SqlValue } from '../../src/metadata/database.ts'
import type { Step } from './track.ts'

/** Each row has a number that nobody else knows, and no two rows exclude each other: two who add never meet. */
const ONLY_ADDED_TO: readonly string[] = ['tree_dirty', 'events', 'tag_history', 'usage_changes']

/** Of these, a statement that is given digests touches no row without one of them. */
const FOUND_BY_DIGEST: readonly string[] = [
  'blobs',
  'repository_blobs',
  'gc_reviews',
  'manifests',
  'manifest_payloads',
  'manifest_blobs',
  'manifest_references',
  'trashed_manifests',
]

/** Of these, rows that are found, or made, with so many values first. */
const FOUND_BY_FIRST: Readonly<Record<string, { readonly values: number; readonly by: RegExp }>> = {
  tree_dirty: {
    values: 3,
    by: /\(kind, repository_id, key\b|kind = \$1 AND repository_id = \$2 AND key = \$3/,
  },
  tag_history: { values: 2, by: /\(repository_id, name\b|repository_id = \$1 AND name = \$2/ },
}

/** A row of these holds the one that it refers to: nobody else can remove that, or change its key. */
const REFERS_TO: Readonly<Record<string, string>> = {
  manifests: 'repositories key',
  repository_blobs: 'repositories key',
  tags: 'repositories key',
  uploads: 'repositories key',
  torn_files: 'repositories key',
  trashed_manifests: 'trash key',
  trashed_tags: 'trash key',
}

/** What notes that the tree has shown a mark concerns the marker's own rows, and a start that comes later. */
const NOTING_SHOWN = /^UPDATE tree_dirty SET boot = /

/** One statement of a command, or a read. */
export function stepOf(sql: string, values: readonly SqlValue[] = []): Step {
  const what = sql.replace(/\s+/g, ' ').trim()
  if (NOTING_SHOWN.test(what)) return { what, reads: [], adds: [], writes: [] }
  const rowsOf = (table: string) => rowsIn(table, what, values)
  const inserted = tablesBehind(/\bINSERT INTO (\w+)/g, what)
  const added = inserted.filter((table) => ONLY_ADDED_TO.includes(table))
  const changed = tablesBehind(/\b(?:INSERT INTO|DELETE FROM|UPDATE(?! SET\b)) (\w+)/g, what)
  const written = changed.filter((table) => !added.includes(table))
  const read = tablesBehind(/\b(?:FROM|JOIN) (\w+)/g, what).filter((table) => !changed.includes(table))
  return {
    what,
    reads: [...read.flatMap(rowsOf), ...inserted.flatMap((table) => REFERS_TO[table] ?? [])],
    adds: added.flatMap(rowsOf),
    writes: written.flatMap(rowsOf),
  }
}

/** What a statement may hold until its transaction ends, and what others then see: its end touches that. */
export function locksOf({ reads, adds, writes }: Step): Pick<Step, 'adds' | 'writes'> {
  return { adds, writes: [...writes, ...reads.filter((name) => name.endsWith(' key'))] }
}

function rowsIn(table: string, statement: string, values: readonly SqlValue[]): string[] {
  if (Object.values(REFERS_TO).includes(`${table} key`)) {
    const keepsKeys = statement.startsWith(`UPDATE ${table} `) || statement.startsWith('SELECT ')
    return keepsKeys ? [`${table} row`] : [table]
  }
  const first = FOUND_BY_FIRST[table]
  if (first?.by.test(statement)) return [`${table} ${values.slice(0, first.values).join('/')}`]
  const isRange = /\bdigest [<>]/.test(statement)
  const digests = isRange || !FOUND_BY_DIGEST.includes(table) ? [] : values.filter(isDigest)
  return digests.length === 0 ? [table] : digests.map((digest) => `${table} ${digest}`)
}

function tablesBehind(words: RegExp, statement: string): string[] {
  return [...new Set([...statement.matchAll(words)].map(([, table = '']) => table))]
}

function isDigest(value: SqlValue): value is string {
  return typeof value === 'string' && /^sha\d+:/.test(value)
}
