import { expect, test } from 'bun:test'
import { WriterUnavailable } from '../metadata/database.ts'
import { DatabaseUnavailable, SchemaTooNew } from '../metadata/unavailable.ts'
import { RegistryError } from '../oci/errors.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { isTemporary } from './temporary.ts'

test.each([WriterUnavailable, DatabaseUnavailable, StorageUnavailable])(
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
