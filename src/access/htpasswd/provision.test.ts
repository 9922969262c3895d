import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { matchesBcrypt } from './bcrypt.ts'
import { parsePasswordFile } from './password-file.ts'
import { provisionPasswordFile } from './provision.ts'

const folder = mkdtempSync(join(tmpdir(), 'provision-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('where there is no file one is made, in a folder of its own, with a user whose password is told', async () => {
  const path = join(folder, 'new/auth/htpasswd')
  const first = await provisionPasswordFile(path)
  expect(first?.user).toBe('docker')
  expect(first?.password).toMatch(/^[\w-]{43}$/)
  const stored = parsePasswordFile(readFileSync(path)).users.get('docker')
  expect(stored?.kind === 'bcrypt' && (await matchesBcrypt(first?.password ?? '', stored.hash))).toBe(true)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('of several processes that find none, one makes it', async () => {
  const path = join(folder, 'shared')
  const made = await Promise.all(Array.from({ length: 5 }, () => provisionPasswordFile(path)))
  expect(made.filter((each) => each !== null).length).toBe(1)
})

test('a file that is there stays as it is', async () => {
  const path = join(folder, 'there')
  writeFileSync(path, '')
  expect(await provisionPasswordFile(path)).toBeNull()
  expect(readFileSync(path, 'utf8')).toBe('')
})
