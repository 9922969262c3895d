/** A digest in a repository, and how statements ask about many of them at once. */
import type { Digest } from '../oci/digest.ts'
import type { Row, SqlValue } from './database.ts'
import { integer, text } from './row.ts'

/** A digest in a repository, or with repository 0 the digest as such. */
export interface UsagePlace {
  readonly repository: number
  readonly digest: Digest
}

/** Names a place: two of one digest in one repository have the same. */
export function placeKey({ repository, digest }: UsagePlace): string {
  return `${repository} ${digest}`
}

export function placeColumns(row: Row): UsagePlace {
  return { repository: integer(row, 'repository_id'), digest: text(row, 'digest') as Digest }
}

/** The values of `wantedPlaces`. */
export function valuesOf(places: readonly UsagePlace[]): SqlValue[] {
  return places.flatMap(({ repository, digest }) => [repository, digest])
}

/** A table `wanted` of so many places: `column1` is the repository, `column2` the digest. To be probed row by row (chunks.ts). */
export function wantedPlaces(count: number): string {
  const rows = Array.from({ length: count }, (_, at) => `(CAST($${2 * at + 1} AS BIGINT), $${2 * at + 2})`)
  return `(VALUES ${rows.join(', ')}) AS wanted`
}

/** A table `wanted` of so many digests in `column1`. */
export function wantedDigests(count: number): string {
  const rows = Array.from({ length: count }, (_, at) => `($${at + 1})`)
  return `(VALUES ${rows.join(', ')}) AS wanted`
}
