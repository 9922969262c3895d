/**
 * The small schema, the commands and the settling on which database.contract.ts tries every database. They
 * stand apart from the suite because a writer in another thread or process needs them too.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RegistryError } from '../oci/errors.ts'
import type { Tag } from '../oci/tag.ts'
import { type AnyCommand, command, type Read, type Settle, type Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { bytes, integer, optionalInteger, optionalText, text } from './row.ts'
import type { Migration } from './schema.ts'
import { type MadeMark, treePath } from './tree.ts'

export const NOTES_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'notes',
    statements: [
      `CREATE TABLE notes (
        name {{text}} NOT NULL PRIMARY KEY, value {{text}} NOT NULL, writes {{integer}} NOT NULL DEFAULT 1
      ) {{clustered}}`,
      `CREATE TABLE things (id {{id}}, label {{text}}, number {{integer}}, data {{bytes}}) {{table}}`,
    ],
  },
  { version: 2, name: 'things by number', statements: ['CREATE INDEX things_number ON things (number)'] },
]

export interface Note {
  readonly name: string
  readonly value: string
}

/** How often a note was written, and the transaction's time. */
export interface Written {
  readonly writes: number
  readonly now: number
}

export interface Thing {
  readonly label: string | null
  readonly number: number | null
  readonly data: Uint8Array | null
}

/** Stands for an error of a layer above. */
export class TreeBroken extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TreeBroken'
  }
}

export const putNote = command('note.put', write)

export const putNoteInPassing = command('note.put-in-passing', write, { durable: false })

/** A note stands for a tag here. */
function markOf({ name }: Note): MadeMark {
  return { id: 1, kind: 'tag', repositoryId: 1 as RepositoryId, key: name as Tag }
}

/** Marks the note's path before it answers. */
export const putMarkedNote = command('note.put-marked', async (tx, note: Note) => {
  const written = await write(tx, note)
  tx.marks.push(markOf(note))
  return written
})

/** Writes and marks, and then has second thoughts. */
export const refuseNote = command('note.refuse', async (tx, note: Note) => {
  await write(tx, note)
  tx.marks.push(markOf(note))
  throw RegistryError.of([
    { code: 'MANIFEST_BLOB_UNKNOWN', message: 'one is missing', detail: { digest: 'a' } },
    { code: 'MANIFEST_BLOB_UNKNOWN', message: 'another is missing', detail: { digest: 'b' } },
  ])
})

/** Fails where the note exists. */
export const insertNote = command('note.insert', (tx, { name, value }: Note) =>
  tx.run('INSERT INTO notes (name, value) VALUES ($1, $2)', [name, value]),
)

/** Ends as if nothing had happened when its last statement fails. */
export const insertNoteCarelessly = command('note.insert-carelessly', async (tx, note: Note) => {
  await write(tx, { name: `${note.name} before`, value: note.value })
  await tx.run('INSERT INTO notes (name, value) VALUES ($1, $2)', [note.name, note.value]).catch(() => 0)
})

export const deleteNotes = command('note.delete', (tx, { prefix }: { readonly prefix: string }) =>
  tx.run('DELETE FROM notes WHERE substr(name, 1, length($1)) = $1', [prefix]),
)

export const storeThing = command('thing.store', (tx, { label, number, data }: Thing) =>
  tx.one(
    'INSERT INTO things (label, number, data) VALUES ($1, $2, $3) RETURNING id',
    [label, number, data],
    (row) => integer(row, 'id'),
  ),
)

export const echo = command('echo', async (_tx, input: unknown) => input)

/** Answers with what is no plain data. */
export const answerFunction = command('answer-function', async (): Promise<unknown> => () => 1)

/** Waits for something other than SQL. */
export const idle = command('idle', async (tx, note: Note) => {
  await write(tx, note)
  await new Promise((resolve) => setImmediate(resolve))
  return write(tx, note)
})

export const NOTES_COMMANDS: readonly AnyCommand[] = [
  putNote,
  putNoteInPassing,
  putMarkedNote,
  refuseNote,
  insertNote,
  insertNoteCarelessly,
  deleteNotes,
  storeThing,
  echo,
  answerFunction,
  idle,
]

export function findNote(read: Read, name: string): Promise<string | null> {
  return read.one('SELECT value FROM notes WHERE name = $1', [name], (row) => text(row, 'value'))
}

export function findThing(read: Read, id: number): Promise<Thing | null> {
  return read.one('SELECT label, number, data FROM things WHERE id = $1', [id], (row) => ({
    label: optionalText(row, 'label'),
    number: optionalInteger(row, 'number'),
    data: row['data'] === null ? null : new Uint8Array(bytes(row, 'data')),
  }))
}

async function write(tx: Transaction, { name, value }: Note): Promise<Written> {
  await tx.run(
    `INSERT INTO notes (name, value) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value, writes = notes.writes + 1`,
    [name, value],
  )
  const writes = await tx.one('SELECT writes FROM notes WHERE name = $1', [name], (row) =>
    integer(row, 'writes'),
  )
  return { writes: writes ?? 0, now: tx.now }
}

/**
 * Settles into a log in the folder: `enter name=value` and `leave name` for each mark. A note whose name
 * starts with "held" waits until the file `gate` is there; one that starts with "broken" fails.
 */
export function settleInto(folder: string): Settle {
  return async (session, marks) => {
    const failures = new Map<string, Error>()
    for (const mark of marks) {
      const { key } = mark
      await session.exclusively(key, async () => {
        append(folder, `enter ${key}=${await findNote(session, key)}`)
        if (key.startsWith('held')) await until(() => existsSync(join(folder, 'gate')))
        if (key.startsWith('broken'))
          failures.set(treePath(mark), new TreeBroken('the disk is full: free some space'))
        await findNote(session, key)
        append(folder, `leave ${key}`)
      })
    }
    return failures
  }
}

/** What the settling has logged. */
export function settledIn(folder: string): string[] {
  const path = join(folder, 'settled.log')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

function append(folder: string, line: string): void {
  appendFileSync(join(folder, 'settled.log'), `${line}\n`)
}

/** Waits for a condition, for 5 s at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${condition}`)
    await Bun.sleep(2)
  }
}
