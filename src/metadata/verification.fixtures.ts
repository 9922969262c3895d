/** A call of each function of what verification asks and notes (queries.fixtures.ts). */
import { digestOf } from '../oci/digest.ts'
import * as damage from './damage.ts'
import type { Transaction } from './database.ts'
import * as verification from './verification.ts'

const digest = digestOf(new Uint8Array([1]))
const page = { after: 'a', limit: 100 }
const place = { repository: 1, manifest: digest }

export const VERIFICATION_SAMPLES: Readonly<
  Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>
> = {
  noteDamage: (tx) => [() => damage.noteDamage(tx, { digest, size: 1, why: 'hash' })],
  findDamage: (tx) => [() => damage.findDamage(tx, digest)],
  hasDamage: (tx) => [() => damage.hasDamage(tx)],
  listDamage: (tx) => [() => damage.listDamage(tx, page)],
  countDamage: (tx) => [() => damage.countDamage(tx)],
  forgetDamage: (tx) => [() => damage.forgetDamage(tx, digest)],

  listStoredBlobs: (tx) => [() => verification.listStoredBlobs(tx, page)],
  findStoredBlob: (tx) => [() => verification.findStoredBlob(tx, digest)],
  hasPayload: (tx) => [() => verification.hasPayload(tx, digest)],
  listPayloads: (tx) => [() => verification.listPayloads(tx, page)],
  findRepositoryById: (tx) => [() => verification.findRepositoryById(tx, 1)],
  findNextRepository: (tx) => [() => verification.findNextRepository(tx, 1)],
  listUsedBlobs: (tx) => [() => verification.listUsedBlobs(tx, place, page)],
  listLackedChildren: (tx) => [() => verification.listLackedChildren(tx, place, 100)],
  listTagsOf: (tx) => [() => verification.listTagsOf(tx, place, 100)],
  findReviewTime: (tx) => [() => verification.findReviewTime(tx, digest)],
  listUploads: (tx) => [() => verification.listUploads(tx, page)],
}
