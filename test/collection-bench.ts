/** Collection in tests: time that passes for a database, whichever it is, and steps until there is nothing to do. */
import { command } from '../src/metadata/database.ts'
import type { Digest } from '../src/oci/digest.ts'
import { type Collected, type CollectResult, collectOnce } from '../src/registry/gc/collect.ts'
import type { Bench } from './registry-bench.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

const TIMES = [
  ['blobs', 'lease_until'],
  ['blobs', 'unreferenced_since'],
  ['repository_blobs', 'linked_at'],
  ['gc_reviews', 'due_at'],
] as const

const movePast = command('test.move-past', async (tx, milliseconds: number) => {
  for (const [table, column] of TIMES) {
    await tx.run(`UPDATE ${table} SET ${column} = ${column} - $1`, [milliseconds])
  }
})

/** All times that collection goes by are so many milliseconds longer ago. */
export async function letPass(bench: Bench, milliseconds: number): Promise<void> {
  await bench.database.write(movePast, milliseconds)
}

export async function collectStep(bench: Bench): Promise<CollectResult> {
  return await collectOnce(bench.registry, { signal: AbortSignal.timeout(60_000) })
}

/** Until there is nothing to do now, the link tree synced in between. */
export async function collectAll(bench: Bench): Promise<Omit<Collected, 'freedBytes'>> {
  const all = { reviewed: 0, condemned: 0, unlinked: 0, deleted: 0 }
  for (;;) {
    const { isIdle, reviewed, condemned, unlinked, deleted } = await collectStep(bench)
    all.reviewed += reviewed
    all.condemned += condemned
    all.unlinked += unlinked
    all.deleted += deleted
    if (isIdle) return all
    await bench.tree.flush(bench.database)
  }
}

/** As if weeks had passed, with collection at work. */
export async function collectForLong(bench: Bench): Promise<void> {
  for (let days = 0; days < 5; days++) {
    await bench.tree.flush(bench.database)
    await letPass(bench, 2 * DAY)
    await collectAll(bench)
  }
}

/** Of those that are asked about, the digests whose blobs the database knows. */
export async function knownOf(bench: Bench, digests: readonly Digest[]): Promise<Digest[]> {
  const rows = await bench.rows('SELECT digest FROM blobs')
  const known = new Set(rows.map((row) => row['digest']))
  return digests.filter((digest) => known.has(digest))
}
