import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { complaintsOf } from './mending.ts'
import { parsePasswordFile } from './password-file.ts'

const HASH = '$2y$05$sAmm7CmyLtY.fGMXagje9.GFNwMApLUDk60TTitBpAM8xHZhQSa7y'
const OTHER = HASH.replace('$05$', '$10$')

function parse(text: string) {
  return parsePasswordFile(new TextEncoder().encode(text))
}

describe('a file', () => {
  test.each([
    ['as htpasswd writes it', `alice:${HASH}\nbob:${OTHER}\n`],
    ['without an end of the last line', `alice:${HASH}\nbob:${OTHER}`],
    ['with blank lines and comments', `\n# people\n  \nalice:${HASH}\n\n#bob:x\nbob:${OTHER}\n\n`],
    ['with CRLF', `alice:${HASH}\r\n\r\nbob:${OTHER}\r\n`],
    ['with a byte order mark', `\uFEFFalice:${HASH}\nbob:${OTHER}\n`],
    ['with spaces around its lines', `  alice:${HASH}  \n\tbob:${OTHER}\t\n`],
    ['with more fields', `alice:${HASH}:Alice A.\nbob:${OTHER}:\n`],
  ])('%s lists its users', (_, text) => {
    const { users, complaints } = parse(text)
    expect([...users]).toEqual([
      ['alice', { kind: 'bcrypt', hash: HASH, cost: 5 }],
      ['bob', { kind: 'bcrypt', hash: OTHER, cost: 10 }],
    ])
    expect(complaints).toEqual([])
  })

  test('takes bcrypt in the forms that htpasswd, distribution and others write', () => {
    for (const version of ['2a', '2b', '2y']) {
      const hash = HASH.replace('2y', version)
      expect(parse(`a:${hash}`).users.get('a')).toEqual({ kind: 'bcrypt', hash, cost: 5 })
    }
  })

  test.each([
    ['$apr1$3CbMgBPv$z5rNRSSb6dTQrbDYSyfbh0', 'MD5 (apr1)'],
    ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', 'SHA-1'],
    ['rqXexS6ZhobKA', 'DES crypt'],
    ['$1$abc$def', 'MD5'],
    ['$5$rounds=5000$abc$def', 'SHA-256'],
    ['$6$abc$def', 'SHA-512'],
    ['$argon2id$v=19$m=1,t=1,p=1$a$b', 'Argon2'],
    ['$2x$05$sAmm7CmyLtY.fGMXagje9.GFNwMApLUDk60TTitBpAM8xHZhQSa7y', 'a broken bcrypt hash'],
    [HASH.slice(0, -1), 'a broken bcrypt hash'],
    [HASH.replace('$05$', '$32$'), 'a broken bcrypt hash'],
    ['secret', 'no hash that is known here'],
    ['', 'no hash that is known here'],
  ])('knows %p for %s, which lets nobody in', (hash, form) => {
    expect(parse(`alice:${hash}`).users.get('alice')).toEqual({ kind: 'unsupported', form })
  })

  test('the last line of a name counts, as in registry:2, and the operator is told', () => {
    const { users, complaints } = parse(`a:${HASH}\na:${OTHER}\n`)
    expect(users.get('a')).toMatchObject({ hash: OTHER })
    expect(complaints).toEqual(['"a" stands twice: the last line counts.'])
  })

  test('a line that is none is left out, and named by its number, never by what is in it', () => {
    const { users, complaints } = parse(`a:${HASH}\nsecret\n:${HASH}\n`)
    expect([...users.keys()]).toEqual(['a'])
    expect(complaints).toEqual(['Line 2 is no user: write name:hash.', 'Line 3 is no user: write name:hash.'])
  })

  test('its usual cost is that of most passwords', () => {
    expect(parse(`a:${HASH}\nb:${OTHER}\nc:${OTHER}\n`).usualCost).toBe(10)
    expect(parse('').usualCost).toBe(5)
  })

  test('any bytes are read, and every user of a file is found whatever stands around', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parsePasswordFile(bytes)))
    const name = fc.stringMatching(/^[^\s:#\uFEFF][^\s:\uFEFF]{0,10}$/u)
    const noise = fc.constantFrom('', ' ', '# x', '\t')
    fc.assert(
      fc.property(fc.uniqueArray(name), noise, fc.constantFrom('\n', '\r\n'), (names, between, end) => {
        const text = names.map((each) => `${each}:${HASH}${end}${between}${end}`).join('')
        expect([...parse(text).users.keys()]).toEqual(names)
      }),
    )
  })
})

describe('the operator is told', () => {
  const told = (text: string) => complaintsOf('/auth/htpasswd', parse(text))

  test('of every password that lets nobody in, with the command that mends it', () => {
    expect(told(`a:${HASH}\nbob b:$apr1$x$y\n`)).toEqual([
      '/auth/htpasswd: "bob b" cannot log in, for the password is stored as MD5 (apr1) and only bcrypt is taken. ' +
        "Set it anew: htpasswd -B /auth/htpasswd 'bob b' (or: berth htpasswd /auth/htpasswd 'bob b')",
    ])
  })

  test('of a file without anybody', () => {
    expect(told('# nobody\n')).toEqual([
      '/auth/htpasswd lists no user, so nobody can log in. Add one: berth htpasswd /auth/htpasswd NAME',
    ])
  })

  test('of nothing where all is well', () => expect(told(`a:${HASH}\n`)).toEqual([]))
})
