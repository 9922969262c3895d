/** `berth htpasswd` as a person types it, at a real terminal, and as a script calls it. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE } from '../berth-server.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(30_000)

const [program = '', ...source] = FROM_SOURCE

describeWith('berth htpasswd', ['htpasswd'], ({ htpasswd }) => {
  const scratch = mkdtempSync(join(tmpdir(), 'bh-'))
  const path = join(scratch, 'htpasswd')
  afterAll(() => rmSync(scratch, { recursive: true, force: true }))

  const run = (user: string, stdin: string, ...flags: string[]) =>
    tryCommand(program, [...source, 'htpasswd', ...flags, path, user], { stdin })

  async function isPassword(user: string, password: string): Promise<boolean> {
    return (await tryCommand(htpasswd, ['-v', '-i', path, user], { stdin: password })).exitCode === 0
  }

  /** At a terminal: types each line when its question has come. Gives the exit code and all that was shown. */
  async function type(user: string, ...answers: string[]): Promise<{ exitCode: number; shown: string }> {
    let shown = ''
    const data = (_: unknown, bytes: Uint8Array) => {
      shown += new TextDecoder().decode(bytes)
    }
    await using child = Bun.spawn([...FROM_SOURCE, 'htpasswd', path, user], { terminal: { data } })
    for (const [index, answer] of answers.entries()) {
      await until('it asks', () => shown.split(': ').length === index + 2)
      child.terminal?.write(answer)
    }
    return { exitCode: await child.exited, shown }
  }

  test('takes a password from a pipe, with or without an end of the line, for Apache’s htpasswd to check', async () => {
    const added = await run('alice', 'correct: horse – 馬\n')
    expect(added.stderr).toBe(`alice is in ${path} now. A registry that uses this file takes it at once.\n`)
    expect(await isPassword('alice', 'correct: horse – 馬')).toBe(true)
    expect((await run('alice', 'other', '--stdin')).stderr).toContain('alice has another password')
    expect(await isPassword('alice', 'other')).toBe(true)
  })

  test('asks twice at a terminal, and shows nothing of what is typed', async () => {
    const { exitCode, shown } = await type('bob', 'sécret\r', 'sécretx\x7f\r')
    expect(exitCode).toBe(0)
    expect(shown).toBe(
      `New password: \r\nThe same again: \r\nbob is in ${path} now. A registry that uses this file takes it at once.\r\n`,
    )
    expect(await isPassword('bob', 'sécret')).toBe(true)
  })

  test.each([
    ['two passwords that differ', ['one\r', 'two\r'], 'not the same'],
    ['Ctrl-D', ['\x04'], 'No password was given'],
    ['Ctrl-C', ['\x03'], 'No password was given'],
  ])('changes nothing after %s', async (_, answers, words) => {
    const before = readFileSync(path, 'utf8')
    const { exitCode, shown } = await type('carol', ...answers)
    expect(exitCode).toBe(2)
    expect(shown).toContain(words)
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test.each([
    ['a:b', 'x', 'cannot be a user'],
    ['dave', '', 'The password is empty'],
    ['dave', 'x'.repeat(73), 'The password has 73 bytes, and bcrypt looks at the first 72 only'],
  ])('says why %p with %p cannot be stored', async (user, password, words) => {
    const refused = await run(user, password)
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain(words)
  })

  test('says where a file cannot be written', async () => {
    const refused = await tryCommand(program, [...source, 'htpasswd', join(scratch, 'no/such'), 'a'], {
      stdin: 'x',
    })
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain('no/such cannot be written: ENOENT')
  })
})
