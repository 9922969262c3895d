import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { matchesBcrypt } from './bcrypt.ts'
import { NotStorable, putPassword, withLine } from './edit.ts'
import { parsePasswordFile } from './password-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'edit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let path = ''
beforeEach(() => {
  path = join(folder, crypto.randomUUID())
})

async function isPasswordOf(user: string, password: string): Promise<boolean> {
  const stored = parsePasswordFile(readFileSync(path)).users.get(user)
  return stored?.kind === 'bcrypt' && (await matchesBcrypt(password, stored.hash))
}

describe('a user’s password is put into', () => {
  test('a file that is not there yet, which only its owner may read', async () => {
    expect(await putPassword(path, 'alice', 'secret')).toBe('added')
    expect(await isPasswordOf('alice', 'secret')).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('a file with others, in place: the same file, with its rights, also behind a link', async () => {
    writeFileSync(path, 'bob:x\n')
    chmodSync(path, 0o644)
    const { ino } = statSync(path)
    symlinkSync(path, `${path}.link`)
    expect(await putPassword(`${path}.link`, 'дарья', 'пароль')).toBe('added')
    expect(await isPasswordOf('дарья', 'пароль')).toBe(true)
    expect(statSync(path)).toMatchObject({ ino, mode: 0o100644 })
    expect(readFileSync(path, 'utf8')).toStartWith('bob:x\n')
  })

  test('the place of the old one', async () => {
    writeFileSync(path, `alice:${'x'.repeat(500)}\nbob:y\n`)
    expect(await putPassword(path, 'alice', 'other')).toBe('changed')
    expect(await isPasswordOf('alice', 'other')).toBe(true)
    expect(readFileSync(path, 'utf8')).toMatch(/^alice:\$2b\$10\$.{53}\nbob:y\n$/)
  })
})

test('where the disk has no room for the new line, the file is as it was, and that is an error', async () => {
  const before = `${'x'.repeat(960)}:y\n`
  writeFileSync(path, before)
  const script = `import { putPassword } from ${JSON.stringify(join(import.meta.dir, 'edit.ts'))}
    await putPassword(${JSON.stringify(path)}, 'alice', 'secret').catch((error) => console.log(error.code))`
  // Files of one KiB at the most, and no signal for whoever writes more.
  const limited = `trap '' XFSZ; ulimit -f 1; exec "$0" -e "$1"`
  const { stdout, stderr } = Bun.spawnSync(['bash', '-c', limited, process.execPath, script])
  expect(`${stdout}${stderr}`).toBe('EFBIG\n')
  expect(readFileSync(path, 'utf8')).toBe(before)
})

test.each([
  ['nothing', '', 'a:N\n', true],
  ['other users', 'b:1\nc:2\n', 'b:1\nc:2\na:N\n', true],
  ['a last line without an end', 'b:1', 'b:1\na:N\n', true],
  ['comments and blank lines', '# a:1\n\nb:1\n', '# a:1\n\nb:1\na:N\n', true],
  ['the user', 'a:1\nb:2\n', 'a:N\nb:2\n', false],
  ['the user twice', 'a:1\nb:2\na:3\n', 'a:N\nb:2\n', false],
  ['CRLF', 'b:1\r\na:2\r\n', 'b:1\r\na:N\r\n', false],
  ['CRLF and no such user', 'b:1\r\n', 'b:1\r\na:N\r\n', true],
  ['a byte order mark', '\uFEFFa:1\nb:2\n', '\uFEFFa:N\nb:2\n', false],
  ['names that only begin alike', 'aa:1\nA:2\n', 'aa:1\nA:2\na:N\n', true],
])('a text with %s', (_, before, after, isNew) => {
  expect(withLine(before, 'a', 'a:N')).toEqual({ text: after, isNew })
})

describe('it is refused, and nothing changes,', () => {
  test.each([
    ['a colon in the name', 'a:b', 'x'],
    ['a line’s end in the name', 'a\nb', 'x'],
    ['a comment for a name', '#a', 'x'],
    ['spaces around the name', ' a', 'x'],
    ['no name', '', 'x'],
    ['a name that is too long', 'a'.repeat(256), 'x'],
    ['no password', 'a', ''],
    ['a password of which bcrypt would see a part', 'a', 'é'.repeat(37)],
  ])('for %s', async (_, user, password) => {
    await expect(putPassword(path, user, password)).rejects.toThrow(NotStorable)
    expect(() => statSync(path)).toThrow()
  })

  test('where the file is no list of users', async () => {
    const bytes = new Uint8Array([0xff, 0xfe, 0x41])
    writeFileSync(path, bytes)
    await expect(putPassword(path, 'a', 'x')).rejects.toThrow('no UTF-8')
    expect(new Uint8Array(readFileSync(path))).toEqual(bytes)
  })
})
