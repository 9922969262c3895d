/** Logins against a real htpasswd file that changes meanwhile. */
import { afterAll, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../../observability/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type Asked, LoginRefused } from '../authenticate.ts'
import { ANONYMOUS, type Principal } from '../principal.ts'
import { HtpasswdAuthenticator } from './authenticator.ts'

const folder = mkdtempSync(join(tmpdir(), 'htpasswd-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hash = (password: string, cost = 4) => Bun.password.hash(password, { algorithm: 'bcrypt', cost })
const SECRET = await hash('secret')
const OTHER = await hash('other')
const APR1 = '$apr1$3CbMgBPv$z5rNRSSb6dTQrbDYSyfbh0'

let path = ''
let lines: Record<string, unknown>[] = []
let now = 0
let way: HtpasswdAuthenticator

beforeEach(() => {
  path = join(folder, crypto.randomUUID())
  lines = []
  now = 1_000_000
  writeFileSync(path, `alice:${SECRET}\nbob:${APR1}\n`)
  const log = createLog({
    level: 'info',
    format: 'json',
    write: (line) => void lines.push(JSON.parse(line)),
  })
  way = new HtpasswdAuthenticator({ realm: 'Registry', path, log, now: () => now })
})

function asked(credentials: string | null, remoteAddress = '192.0.2.1'): Asked {
  const header =
    credentials === null || credentials.startsWith('!')
      ? (credentials?.slice(1) ?? null)
      : `Basic ${Buffer.from(credentials).toString('base64')}`
  return { header: (name) => (name === 'authorization' ? header : null), remoteAddress }
}

async function logIn(credentials: string | null): Promise<Principal> {
  return await way.authenticate(asked(credentials))
}

const ALICE: Principal = { kind: 'user', name: 'alice' }

describe('a login', () => {
  test('with the right password is the user of that line', async () => {
    expect(await logIn('alice:secret')).toEqual(ALICE)
  })

  test('without credentials is nobody, and is known at once', () => {
    expect(way.authenticate(asked(null))).toBe(ANONYMOUS)
  })

  test.each([
    'alice:Secret',
    'alice:',
    'Alice:secret',
    'carol:secret',
    'bob:secret',
    '!Bearer abc',
    '!Basic ###',
  ])('with %p is refused', (credentials) => expect(logIn(credentials)).rejects.toThrow(LoginRefused))

  test('of an unknown user, of one with another hash and of a wrong password is refused with the same words', async () => {
    const refusals = await Promise.allSettled(['alice:wrong', 'carol:wrong', 'bob:secret'].map(logIn))
    const words = refusals.map((each) => (each.status === 'rejected' ? each.reason.message : null))
    expect(words).toEqual(Array(3).fill(expect.stringContaining('The name or the password is wrong.')))
    expect(new Set(words).size).toBe(1)
  })

  test('is logged with the name and the address when it fails, never with the password', async () => {
    await logIn('alice:hunter2').catch(() => {})
    expect(lines).toMatchObject([
      {
        level: 'warning',
        msg: 'login failed: wrong password',
        'auth.user.name': 'alice',
        'http.request.remoteaddr': '192.0.2.1',
      },
    ])
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  test('with a password that is stored as something else is named in the log, with the command', async () => {
    await logIn('bob:secret').catch(() => {})
    expect(lines[0]?.['msg']).toContain(`htpasswd -B ${path} bob (or: berth htpasswd ${path} bob)`)
  })

  test('takes 72 bytes of a password, as htpasswd and registry:2 do', async () => {
    const long = 'é'.repeat(40)
    const cut = new TextEncoder().encode(long).subarray(0, 72)
    writeFileSync(path, `alice:${await Bun.password.hash(cut, { algorithm: 'bcrypt', cost: 4 })}\n`)
    expect(await logIn(`alice:${long}`)).toEqual(ALICE)
    await expect(logIn(`alice:${long.slice(0, 35)}`)).rejects.toThrow(LoginRefused)
  })
})

describe('a change of the file', () => {
  const CHANGES: readonly (readonly [string, () => string])[] = [
    ['a removed user', () => `carol:${SECRET}\n`],
    ['a changed password', () => `alice:${OTHER}\n`],
    ['a password that is stored as something else now', () => `alice:${APR1}\n`],
    ['an emptied file', () => ''],
  ]
  test.each(CHANGES)('puts %s out at once', async (_, text) => {
    await logIn('alice:secret')
    expect(way.authenticate(asked('alice:secret'))).not.toBeInstanceOf(Promise)
    writeFileSync(path, text())
    const answer = logIn('alice:secret')
    now += 500
    await expect(answer).rejects.toThrow(LoginRefused)
  })

  test('puts out whoever is removed while the password is looked at', async () => {
    const answer = logIn('alice:secret')
    writeFileSync(path, `carol:${SECRET}\n`)
    await expect(answer).rejects.toThrow(LoginRefused)
    await expect(logIn('alice:secret')).rejects.toThrow(LoginRefused)
  })

  test('lets a new user in at once', async () => {
    await logIn('alice:secret')
    writeFileSync(path, `alice:${SECRET}\ncarol:${OTHER}\n`)
    expect(await logIn('carol:other')).toEqual({ kind: 'user', name: 'carol' })
    expect(await logIn('alice:secret')).toEqual(ALICE)
  })

  test('refuses nobody while htpasswd rewrites it in place, and it is empty for a moment', async () => {
    await logIn('alice:secret')
    writeFileSync(path, '')
    const answer = logIn('alice:secret')
    writeFileSync(path, `alice:${SECRET}\ncarol:${OTHER}\n`)
    expect(await answer).toEqual(ALICE)
  })
})

describe('a file that cannot be read', () => {
  test.each([
    ['has vanished', () => {}],
    ['is a folder', () => mkdirSync(path)],
  ])('because it %s lets nobody in, is no wrong password, and is said loudly', async (_, becomes) => {
    await logIn('alice:secret')
    unlinkSync(path)
    becomes()
    const refusal = await logIn('alice:secret').catch((error) => error)
    expect(refusal).toBeInstanceOf(RegistryError)
    expect(refusal.code).toBe('UNAVAILABLE')
    expect(refusal.message).not.toContain(path)
    expect(lines.at(-1)).toMatchObject({ level: 'error', msg: expect.stringContaining(path) })
    expect(await way.reload()).toContain(path)
    expect(way.authenticate(asked(null))).toBe(ANONYMOUS)
  })

  test('is forgiven as soon as it is back', async () => {
    unlinkSync(path)
    await logIn('alice:secret').catch(() => {})
    writeFileSync(path, `alice:${SECRET}\n`)
    expect(await logIn('alice:secret')).toEqual(ALICE)
    expect(await way.reload()).toBeNull()
  })
})

describe('bcrypt', () => {
  test('runs once a minute for the same credentials: the next request is answered without waiting', async () => {
    await logIn('alice:secret')
    expect(way.authenticate(asked('alice:secret'))).toEqual(ALICE)
    now += 59_000
    expect(way.authenticate(asked('alice:secret'))).toEqual(ALICE)
    now += 2000
    const again = way.authenticate(asked('alice:secret'))
    expect(again).toBeInstanceOf(Promise)
    expect(await again).toEqual(ALICE)
    expect(way.authenticate(asked('alice:secret'))).toEqual(ALICE)
  })

  test('runs again for other credentials of the same user, also while they are in', async () => {
    await logIn('alice:secret')
    await expect(logIn('alice:other')).rejects.toThrow(LoginRefused)
    expect(way.authenticate(asked('alice:secret'))).toEqual(ALICE)
  })

  test.each([
    ['right', 'alice:secret'],
    ['wrong', 'alice:wrong'],
    ['unknown', 'carol:secret'],
  ])('of many requests with the same %s credentials at once runs once', async (_, credentials) => {
    const verify = spyOn(Bun.password, 'verify')
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => logIn(credentials)))
    expect(new Set(all.map(({ status }) => status)).size).toBe(1)
    expect(verify).toHaveBeenCalledTimes(1)
    verify.mockRestore()
  })

  test('runs for an unknown user and for one with another hash, at the cost of the others', async () => {
    const verify = spyOn(Bun.password, 'verify')
    for (const credentials of ['carol:secret', 'bob:secret']) await logIn(credentials).catch(() => {})
    expect(verify.mock.calls.map(([, compared]) => compared.slice(0, 7))).toEqual(['$2b$04$', '$2b$04$'])
    verify.mockRestore()
  })

  test('of a flood of wrong passwords does not hold up who was right before, nor other addresses', async () => {
    await logIn('alice:secret')
    now += 61_000
    const order: string[] = []
    const note = (name: string) => (error: unknown) =>
      void order.push(error instanceof LoginRefused ? name : 'lost')
    const flood = Array.from({ length: 30 }, (_, index) =>
      Promise.resolve(way.authenticate(asked(`alice:wrong${index}`))).catch(note('flood')),
    )
    const other = Promise.resolve(way.authenticate(asked('carol:x', '192.0.2.9'))).catch(note('other'))
    const known = logIn('alice:secret').then(() => order.push('known'))
    await Promise.all([...flood, other, known])
    expect(order.indexOf('known')).toBeLessThan(5)
    expect(order.indexOf('other')).toBeLessThan(8)
    expect(order).not.toContain('lost')
  })

  test('for which too many wait is refused with 429, which clients heed', async () => {
    const flood = Array.from({ length: 100 }, (_, index) => logIn(`alice:wrong${index}`))
    const results = await Promise.allSettled(flood)
    const codes = results.map((each) => (each.status === 'rejected' ? (each.reason.code ?? 'refused') : 'in'))
    expect(new Set(codes)).toEqual(new Set(['refused', 'TOOMANYREQUESTS']))
  })
})
