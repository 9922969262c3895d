import { expect, test } from 'bun:test'
import { VolumeRefused } from '../app/volume.ts'
import { ConfigError } from '../config/config.ts'
import { CannotListen } from '../http/address.ts'
import { VolumeInUse } from '../metadata/sqlite/lock.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, SchemaTooNew } from '../metadata/unavailable.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../storage/blob-store.ts'
import { EXIT, explain, Failure, formatFailure } from './failure.ts'

test.each([
  [new ConfigError(['REGISTRY_HTTP_ADDR is wrong.']), EXIT.CONFIG],
  [new SchemaTooNew('A newer Berth was here.'), EXIT.MISMATCH],
  [new VolumeRefused('This folder is not ours.'), EXIT.MISMATCH],
  [new VolumeInUse('Another Berth is here.'), EXIT.FAILED],
  [new CannotListen({ kind: 'tcp', hostname: '::', port: 5000 }, 'in-use'), EXIT.FAILED],
  [new DatabaseUnavailable('PostgreSQL does not answer.'), EXIT.UNAVAILABLE],
  [new DatabaseFull('The disk is full.'), EXIT.UNAVAILABLE],
  [new DatabaseReadOnly('PostgreSQL is read-only.'), EXIT.UNAVAILABLE],
  [new StorageUnavailable('The volume does not answer.'), EXIT.UNAVAILABLE],
  [new StorageFull('The disk is full.'), EXIT.UNAVAILABLE],
  [new StorageReadOnly('The disk is read-only.'), EXIT.UNAVAILABLE],
  [Object.assign(new Error('worker-1 ended'), { exitCode: 5 }), EXIT.UNAVAILABLE],
  [new Failure(EXIT.USAGE, 'Name one file.'), EXIT.USAGE],
])('%s is told in its own words', (error, exitCode) => {
  const failure = explain(error)
  expect(failure.message).toBe(error.message)
  expect(failure.exitCode).toBe(exitCode)
})

test('an error that nobody foresaw says how to learn more, and shows its stack only to those who ask', () => {
  const failure = explain(new TypeError('x is not a function'))
  expect(failure.exitCode).toBe(EXIT.FAILED)
  const told = formatFailure(failure, { withStack: false })
  expect(told).toBe(
    'berth: Something unexpected went wrong: x is not a function. Set REGISTRY_LOG_LEVEL=debug to see where.\n',
  )
  expect(formatFailure(failure, { withStack: true })).toContain('failure.test.ts')
})
