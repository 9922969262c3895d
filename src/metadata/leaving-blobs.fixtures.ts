/** A call of each function by which collection looks at blobs and moves them out (queries.test.ts). */
import { digestOf } from '../oci/digest.ts'
import type { Transaction } from './database.ts'
import * as leavingBlobs from './leaving-blobs.ts'
import * as reviews from './reviews.ts'

const digest = digestOf(new Uint8Array([1]))
const many = Array.from({ length: 111 }, (_, index) => digestOf(new Uint8Array([index])))
const seen = { digest, epoch: 100 }

export const COLLECTION_SAMPLES: Readonly<
  Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>
> = {
  findBlobStandings: (tx) => [() => leavingBlobs.findBlobStandings(tx, many)],
  findReferredDigests: (tx) => [() => leavingBlobs.findReferredDigests(tx, many)],
  findLinkedAnywhere: (tx) => [() => leavingBlobs.findLinkedAnywhere(tx, many)],
  findPayloadDigests: (tx) => [() => leavingBlobs.findPayloadDigests(tx, many)],
  findClosingDigests: (tx) => [() => leavingBlobs.findClosingDigests(tx, many)],
  findMarkedBlobs: (tx) => [() => leavingBlobs.findMarkedBlobs(tx, many)],
  listBlobLinks: (tx) => [() => leavingBlobs.listBlobLinks(tx, digest, { after: 0, limit: 100 })],
  beginGrace: (tx) => [() => leavingBlobs.beginGrace(tx, seen)],
  moveBlobOut: (tx) => [() => leavingBlobs.moveBlobOut(tx, seen, 'condemned')],
  holdForUnlinking: (tx) => [() => leavingBlobs.holdForUnlinking(tx, seen)],
  reviveReferred: (tx) => [() => leavingBlobs.reviveReferred(tx, seen)],
  deleteLeftBlob: (tx) => [() => leavingBlobs.deleteLeftBlob(tx, seen)],
  insertStray: (tx) => [() => leavingBlobs.insertStray(tx, { digest, size: 1 })],
  listDueBlobReviews: (tx) => [() => reviews.listDueBlobReviews(tx, { now: 1_000_000, limit: 100 })],
  findNextBlobReview: (tx) => [() => reviews.findNextBlobReview(tx)],
  listBlobReviews: (tx) => [() => reviews.listBlobReviews(tx, { after: 'a', limit: 100 })],
  findBlobReviews: (tx) => [() => reviews.findBlobReviews(tx, many)],
  endBlobReview: (tx) => [() => reviews.endBlobReview(tx, seen)],
  putOffBlobReview: (tx) => [() => reviews.putOffBlobReview(tx, seen, { dueAt: 1, afterRepository: 0 })],
}
