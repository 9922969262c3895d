/** A call of each function that explains a digest (queries.fixtures.ts). */
import { digestOf } from '../oci/digest.ts'
import type { Transaction } from './database.ts'
import * as explanation from './explanation.ts'

const digest = digestOf(new Uint8Array([1]))
const place = { repository: 1, manifest: digest }

export const EXPLANATION_SAMPLES: Readonly<
  Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>
> = {
  findBlobRow: (tx) => [() => explanation.findBlobRow(tx, digest)],
  listLinksOf: (tx) => [() => explanation.listLinksOf(tx, digest, 100)],
  listClosingUploads: (tx) => [() => explanation.listClosingUploads(tx, digest, 100)],
  findBlobReview: (tx) => [() => explanation.findBlobReview(tx, digest)],
  findDeletedAt: (tx) => [() => explanation.findDeletedAt(tx, place)],
  listTrashesWithManifest: (tx) => [() => explanation.listTrashesWithManifest(tx, digest, 100)],
  hasLayerMark: (tx) => [() => explanation.hasLayerMark(tx, digest)],
}
