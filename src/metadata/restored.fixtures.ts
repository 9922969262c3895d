/** A call of each function that is asked of a restored database (queries.fixtures.ts). */
import { digestOf } from '../oci/digest.ts'
import type { Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import * as restored from './restored.ts'

const repository = 1 as RepositoryId
const digest = digestOf(new Uint8Array([1]))
const paths = { after: { repository: 1, key: 'a' }, limit: 100 }

export const RESTORED_SAMPLES: Readonly<
  Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>
> = {
  keepRestoredBlob: (tx) => [() => restored.keepRestoredBlob(tx, digest, { leaseUntil: 1, dueAt: 1 })],
  listTrashUsers: (tx) => [() => restored.listTrashUsers(tx, digest, 100)],
  forgetRestoredBlob: (tx) => [() => restored.forgetRestoredBlob(tx, digest)],
  listRestoredPaths: (tx) => [
    () => restored.listRestoredPaths(tx, 'revision', paths),
    () => restored.listRestoredPaths(tx, 'layer', paths),
    () => restored.listRestoredPaths(tx, 'tag', paths),
  ],
  listNamedSinceAbsence: (tx) => [() => restored.listNamedSinceAbsence(tx, repository, 'v1', 100)],
}
