import { expect, test } from 'bun:test'
import { WriterUnavailable } from '../metadata/database.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, SchemaTooNew } from '../metadata/unavailable.ts'
import { RegistryError } from '../oci/errors.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../storage/blob-store.ts'
import { findObstacle, isTemporary } from './temporary.ts'

test.each([WriterUnavailable, DatabaseUnavailable, DatabaseFull, StorageUnavailable, StorageReadOnly])(
  'an error of being unavailable may pass: %#',
  (Unavailable) => {
    expect(isTemporary(new Unavailable('try again'))).toBe(true)
  },
)

test.each([
  ['a defect', new Error('a defect')],
  ['a refusal', new RegistryError('DENIED')],
  ['a newer schema', new SchemaTooNew('newer')],
  ['what is no error', 'text'],
])('%s does not', (_, error) => {
  expect(isTemporary(error)).toBe(false)
})

test.each([
  [DatabaseFull, 'full'],
  [StorageFull, 'full'],
  [DatabaseReadOnly, 'read-only'],
  [StorageReadOnly, 'read-only'],
  [DatabaseUnavailable, null],
  [StorageUnavailable, null],
  [WriterUnavailable, null],
] as const)(
  'whoever pushes may be told of a disk that is full or read-only, and of nothing else: %#',
  (Unavailable, obstacle) => {
    expect(findObstacle(new Unavailable('/data: mend it'))).toBe(obstacle)
  },
)
