import { expect, test } from 'bun:test'
import { readPage, withTables } from './configuration-tables.ts'

test('docs/operate/configuration.md has every setting as the schema has it, and no other', () => {
  const page = readPage()
  expect(page).toBe(withTables(page))
})
