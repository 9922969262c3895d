/** Which of many digests a repository has something of, with few round trips. */
import type { Digest } from '../oci/digest.ts'
import { chunksOf, wantedFrom2 } from './chunks.ts'
import type { Read, Row } from './database.ts'
import { text } from './row.ts'

/**
 * Those of the digests for which there is a row. `rows` says of what, as it stands behind FROM:
 * `tags WHERE repository_id = $1 AND digest = column1`.
 */
export async function findDigestsAmong(
  read: Read,
  repository: number,
  digests: readonly Digest[],
  rows: string,
): Promise<Set<Digest>> {
  const found = new Set<Digest>()
  for (const chunk of chunksOf(digests)) {
    const here = await read.all(
      `SELECT column1 AS digest FROM ${wantedFrom2(chunk.length)} WHERE (SELECT 1 FROM ${rows} LIMIT 1) = 1`,
      [repository, ...chunk],
      (row) => text(row, 'digest') as Digest,
    )
    for (const digest of here) found.add(digest)
  }
  return found
}

/** Those of the digests for which there is a row anywhere: `manifest_blobs WHERE digest = column1`. */
export async function findDigestsAnywhere(
  read: Read,
  digests: readonly Digest[],
  rows: string,
): Promise<Set<Digest>> {
  const found = new Set<Digest>()
  for (const chunk of chunksOf(digests)) {
    const values = chunk.map((_, index) => `($${index + 1})`).join(', ')
    const here = await read.all(
      `SELECT column1 AS digest FROM (VALUES ${values}) AS wanted WHERE (SELECT 1 FROM ${rows} LIMIT 1) = 1`,
      chunk,
      (row) => text(row, 'digest') as Digest,
    )
    for (const digest of here) found.add(digest)
  }
  return found
}

/** So few that PostgreSQL looks each one up in the index, and does not read through the table. */
const FEW = 10

/** The rows of a table whose key is the digest alone; `select` is all of the statement up to that: `… WHERE digest`. */
export async function listByDigests<T>(
  read: Read,
  digests: readonly Digest[],
  select: string,
  decode: (row: Row) => T,
): Promise<T[]> {
  const found: T[] = []
  for (const chunk of chunksOf(digests, FEW)) {
    const places = chunk.map((_, index) => `$${index + 1}`).join(', ')
    found.push(...(await read.all(`${select} IN (${places})`, chunk, decode)))
  }
  return found
}
