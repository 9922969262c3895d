/** Collection as a party of a race: all at once, without any grace, until nothing is left to do. */
import type { Digest } from '../../src/oci/digest.ts'
import { COLLECT_BEGIN, type CollectCursor, collectPage } from '../../src/registry/gc/collect.ts'
import type { Policy } from '../../src/registry/registry.ts'
import type { Hand, Table } from './race.ts'

const HOUR = 3_600_000

/** Nothing but the states, the epochs and the references decides. */
export const NO_TIMES: Partial<Policy> = {
  collection: { grace: 0, lease: 0, condemnedFor: 0, unlinkAfter: 0 },
}

/** What a lease was given to stays. */
export const LEASES: Partial<Policy> = {
  collection: { grace: 0, lease: HOUR, condemnedFor: 0, unlinkAfter: 0 },
}

/** Until nothing is left to do but to unlink bytes that lie aside: that comes much later. */
export function collect(hand: Hand): Promise<void> {
  return collectAll(hand, { unlinkAfter: HOUR })
}

/** Until nothing at all is left. */
export function cleanUp(table: Table): Promise<void> {
  return collectAll(table, { unlinkAfter: 0 })
}

async function collectAll(
  { registry, flush }: Hand,
  { unlinkAfter }: { readonly unlinkAfter: number },
): Promise<void> {
  const { signal } = new AbortController()
  for (let cursor: CollectCursor | null = COLLECT_BEGIN; cursor !== null; ) {
    cursor = (await collectPage(registry, cursor, { signal, unlinkAfter })).next
    await flush()
  }
}

/** One step of it: what nothing needs is condemned, or loses its links, or its bytes. */
export async function collectOnePage({ registry, flush }: Hand): Promise<void> {
  const { signal } = new AbortController()
  await collectPage(registry, COLLECT_BEGIN, { signal, unlinkAfter: HOUR })
  await flush()
}

/** Of a blob whose lease is to be over now. */
export async function endLease({ run }: Table, digest: Digest): Promise<void> {
  await run('UPDATE blobs SET lease_until = 0 WHERE digest = $1', [digest])
}

/** No blob is looked at but those of this trial. */
export async function forgetOthers({ run }: Table): Promise<void> {
  await run('DELETE FROM gc_reviews')
}

export async function stateOf({ rows }: Table, digest: Digest): Promise<string | null> {
  const [row] = await rows('SELECT state FROM blobs WHERE digest = $1', [digest])
  return row === undefined ? null : String(row['state'])
}
