/** Which blobs are damaged: found so by whoever compared their bytes with their digests, until they are pushed again. */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row, Transaction } from './database.ts'
import { exists, integer, text } from './row.ts'

/** Nothing lay there; too few or too many bytes; other bytes. */
export type DamageKind = 'missing' | 'size' | 'hash'

export interface Damage {
  readonly digest: Digest
  /** What it should be, in bytes. */
  readonly size: number
  readonly why: DamageKind
  /** Milliseconds since 1970. */
  readonly foundAt: number
}

/** Of one that is noted already only the reason changes: it has been damaged since it was found first. */
export async function noteDamage(
  tx: Transaction,
  { digest, size, why }: Pick<Damage, 'digest' | 'size' | 'why'>,
): Promise<void> {
  await tx.run(
    `INSERT INTO damaged_blobs (digest, size, why, found_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (digest) DO UPDATE SET why = excluded.why`,
    [digest, size, why, tx.now],
  )
}

/** The blob is whole again, or gone for good. True where it was noted. */
export async function forgetDamage(tx: Transaction, digest: Digest): Promise<boolean> {
  return (await tx.run('DELETE FROM damaged_blobs WHERE digest = $1', [digest])) === 1
}

export function findDamage(read: Read, digest: Digest): Promise<Damage | null> {
  return read.one('SELECT digest, size, why, found_at FROM damaged_blobs WHERE digest = $1', [digest], damage)
}

/** Whether any blob at all is noted: asked before more is, for mostly none is. */
export function hasDamage(read: Read): Promise<boolean> {
  return exists(read, 'SELECT 1 FROM damaged_blobs WHERE digest > $1 ORDER BY digest LIMIT 1', [''])
}

/** At most `limit` of them after a digest ('' for the first). */
export function listDamage(
  read: Read,
  page: { readonly after: string; readonly limit: number },
): Promise<Damage[]> {
  return read.all(
    'SELECT digest, size, why, found_at FROM damaged_blobs WHERE digest > $1 ORDER BY digest LIMIT $2',
    [page.after, page.limit],
    damage,
  )
}

/** More are not counted: nobody's alarm needs to know. */
const MOST_COUNTED = 10_000

/** How many there are, as far as ten thousand. */
export async function countDamage(read: Read): Promise<number> {
  const found = await read.all(
    'SELECT digest FROM damaged_blobs WHERE digest > $1 ORDER BY digest LIMIT $2',
    ['', MOST_COUNTED],
    () => true,
  )
  return found.length
}

function damage(row: Row): Damage {
  return {
    digest: text(row, 'digest') as Digest,
    size: integer(row, 'size'),
    why: text(row, 'why') as DamageKind,
    foundAt: integer(row, 'found_at'),
  }
}
