/** One party of races on SQLite, as a worker process of Berth is: its own reader, and the way to the writer. */

import { openSqliteDatabase } from '../../src/metadata/sqlite/database.ts'
import { WriterSocket } from '../../src/metadata/sqlite/writer-socket.ts'
import { LiveUploads } from '../../src/registry/live-uploads.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../../src/storage/blob-store.ts'
import { openFilesystemBlobStore } from '../../src/storage/filesystem/blob-store.ts'
import type { FromParty, Task, ToParty, Volume } from './messages.ts'
import { outcomeOf } from './outcome.ts'
import type { Hand, Race } from './race.ts'
import { steppedBlobs } from './stepped-blobs.ts'
import { FLUSH, SteppedDatabase, THIS_RACE } from './stepped-database.ts'
import type { Turns } from './track.ts'

const { root, databasePath, socket } = JSON.parse(process.argv[2] ?? '') as Volume
const errors = [StorageUnavailable, StorageFull, StorageReadOnly]
const database = openSqliteDatabase(databasePath, new WriterSocket(socket, { errors }))
const blobs = await openFilesystemBlobStore({ root })

const waiting = new Map<number, (failure: string | null) => void>()
let questions = 0

const turns: Turns = {
  async take(step, work) {
    await answerTo((number) => ({ kind: 'ask', number, step }))
    return await work()
  },
}

process.on('disconnect', () => process.exit())
process.on('message', (message: ToParty) => {
  if (message.kind === 'run') void run(message.task)
  else waiting.get(message.number)?.(message.kind === 'flushed' ? message.failure : null)
})
tell({ kind: 'ready' })

async function run(task: Task): Promise<void> {
  try {
    tell({ kind: 'ended', outcome: await outcomeOf(() => take(task)) })
  } catch (error) {
    tell({ kind: 'failed', why: Bun.inspect(error) })
  }
}

async function take({ module, race, party, policy, facts }: Task): Promise<unknown> {
  const exported = (await import(module)) as Record<string, Race<unknown>>
  const work = exported[race]?.parties[party]
  if (work === undefined) throw new Error(`${module} has no ${race} with a ${party}`)
  const hand: Hand = {
    registry: {
      database: new SteppedDatabase(database, turns),
      blobs: steppedBlobs(blobs, turns),
      uploads: new LiveUploads(`race-${crypto.randomUUID()}`, THIS_RACE),
      policy,
      tree: null,
    },
    flush: () => turns.take(FLUSH, () => answerTo((number) => ({ kind: 'flush', number }))),
  }
  return await work(hand, facts)
}

/** Asks the process that runs the race, and waits for its word. */
async function answerTo(question: (number: number) => FromParty): Promise<void> {
  const number = ++questions
  const answer = Promise.withResolvers<string | null>()
  waiting.set(number, answer.resolve)
  tell(question(number))
  const failure = await answer.promise
  waiting.delete(number)
  if (failure !== null) throw new Error(failure)
}

function tell(message: FromParty): void {
  process.send?.(message)
}
