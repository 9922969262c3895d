import { expect, test } from 'bun:test'
import { inDialect } from './dialect.ts'

test('a statement says the same to both databases, in their own words', () => {
  const statement = 'CREATE TABLE t (a {{text}} NOT NULL, b {{integer}}, c {{bytes}})'
  expect(inDialect('sqlite', statement)).toBe('CREATE TABLE t (a TEXT NOT NULL, b INTEGER, c BLOB)')
  expect(inDialect('postgres', statement)).toBe(
    'CREATE TABLE t (a TEXT COLLATE "C" NOT NULL, b BIGINT, c BYTEA)',
  )
})

test('a macro that does not exist is an error that names it', () => {
  expect(() => inDialect('sqlite', 'a {{uuid}}')).toThrow('{{uuid}}')
})

test('what is no macro stays as it is', () => {
  expect(inDialect('postgres', `SELECT '{a}', $1`)).toBe(`SELECT '{a}', $1`)
})
