/** Keys from files and from a real server, which change and fail meanwhile. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate, publicJwk } from '../../../test/certificates.ts'
import { until } from '../../../test/until.ts'
import { createLog, type Log } from '../../observability/log.ts'
import { FileKeySource, joined, type KeySource, parseKeySet, parseRootBundle } from './key-sources.ts'
import { RemoteKeySource } from './remote-key-source.ts'

const folder = mkdtempSync(join(tmpdir(), 'keys-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const [one, two] = [await makeCertificate({ name: 'one' }), await makeCertificate({ name: 'two' })]
const setOf = async (name: string) => JSON.stringify({ keys: [{ ...(await publicJwk(one)), kid: name }] })

let lines: string[] = []
let log: Log
beforeEach(() => {
  const own: string[] = []
  lines = own
  log = createLog({ level: 'info', format: 'json', write: (line) => void own.push(line) })
})

async function ids(source: KeySource): Promise<string[]> {
  return [...(await source.trust()).keys.keys()].filter((id) => id.length < 43)
}

describe('a file', () => {
  let path = ''
  let source: FileKeySource
  beforeEach(async () => {
    path = join(folder, crypto.randomUUID())
    writeFileSync(path, await setOf('a'))
    source = new FileKeySource({ path, parse: parseKeySet, log })
  })

  test('is read once, and gives the same trust as long as it stays the same', async () => {
    expect(source.peek()).toBeNull()
    const trust = await source.trust()
    expect(await source.trust()).toBe(trust)
    expect(await source.trustAnew()).toBe(trust)
    expect(source.peek()).toBe(trust)
  })

  test('that has changed is seen within about a second, at once for a key that is not there', async () => {
    await source.trust()
    writeFileSync(path, await setOf('b'))
    expect([...(await source.trustAnew()).keys.keys()]).toContain('b')
    writeFileSync(path, await setOf('c'))
    await until('the change is seen', () => source.peek()?.keys.has('c') === true)
  })

  test.each(['no JSON', '{}', '{"keys":[{}]}', '{"keys":[{"kty":"RSA"}]}'])(
    'that is broken at the start is an error that names it: %s',
    async (text) => {
      writeFileSync(path, text)
      expect(await source.reload()).toStartWith(`${path}: `)
      await expect(source.trust()).rejects.toThrow()
    },
  )

  test.each([
    ['broken', () => writeFileSync(path, 'no JSON')],
    ['gone', () => unlinkSync(path)],
  ])('that is %s later leaves the keys as they were, and says so', async (_, breaks) => {
    await source.trust()
    breaks()
    expect([...(await source.trustAnew()).keys.keys()]).toContain('a')
    expect(lines.join()).toContain(path)
    expect(await source.reload()).toContain(path)
    writeFileSync(path, await setOf('b'))
    expect(await source.reload()).toBeNull()
    expect(await ids(source)).toEqual(['b'])
  })

  test('that stays broken is told of once, however many tokens come, and again when it breaks again', async () => {
    const told = () => lines.filter((line) => line.includes('stay as they were')).length
    await source.trust()
    writeFileSync(path, 'no JSON')
    for (let token = 0; token < 5; token++) await source.trustAnew()
    expect(told()).toBe(1)
    writeFileSync(path, await setOf('b'))
    await source.trustAnew()
    writeFileSync(path, 'no JSON')
    await source.trustAnew()
    expect(told()).toBe(2)
  })

  test('that changes while it is read is what it has become, however long that took', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow = new FileKeySource({
      path,
      log,
      async parse(text) {
        if (text.includes('"a"')) await promise
        return await parseKeySet(text)
      },
    })
    const first = slow.trust()
    writeFileSync(path, await setOf('b'))
    await slow.trustAnew()
    resolve()
    await first
    expect(await ids(slow)).toEqual(['b'])
    expect(slow.peek()?.keys.has('b')).toBe(true)
  })

  test('of certificates gives their keys under both kinds of id, and the roots', async () => {
    writeFileSync(path, one.pem + two.pem)
    const { keys, roots } = await new FileKeySource({ path, parse: parseRootBundle, log }).trust()
    expect(keys.size).toBe(4)
    expect(roots.length).toBe(2)
  })
})

describe('a key set', () => {
  test.each([
    ['a kind that nobody here knows', { kty: 'AKP-NEXT', kid: 'x' }],
    ['a curve that nobody here knows', { kty: 'EC', crv: 'P-1', x: 'AA', y: 'AA', kid: 'x' }],
    ['a part that is missing', { kty: 'RSA', e: 'AQAB', kid: 'x' }],
    ['a secret that is not there', { kty: 'oct', kid: 'x' }],
  ])('is none the worse for a key with %s', async (_, strange) => {
    const good = { ...(await publicJwk(one)), kid: 'good' }
    const { keys } = await parseKeySet(JSON.stringify({ keys: [strange, good] }))
    expect([keys.has('good'), keys.has('x')]).toEqual([true, false])
  })

  test('may be empty, as that of a token server which has not made its keys yet', async () => {
    expect((await parseKeySet('{"keys":[]}')).keys.size).toBe(0)
  })
})

describe('a URL', () => {
  let answers: (request: Request) => Response | Promise<Response> = () => new Response('', { status: 500 })
  let asked = 0
  let server: Bun.Server<undefined>
  let url = ''
  beforeEach(() => {
    asked = 0
    server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        asked++
        return answers(request)
      },
    })
    url = `${server.url}jwks.json`
  })
  afterEach(() => server.stop(true))

  const sets = async (name: string) => {
    const text = await setOf(name)
    answers = () => new Response(text)
  }
  const open = (options: { leastInterval?: number; growsOldAfter?: number; patience?: number } = {}) =>
    new RemoteKeySource({ url, log, ...options })

  test('is fetched once, by however many ask at once', async () => {
    await sets('a')
    const source = open()
    const all = await Promise.all(Array.from({ length: 10 }, () => ids(source)))
    expect(all).toEqual(Array(10).fill(['a']))
    expect(asked).toBe(1)
  })

  test('is fetched anew for an unknown key, but not more often than may be', async () => {
    await sets('a')
    const source = open({ leastInterval: 100 })
    await source.trust()
    await sets('b')
    await source.trustAnew()
    expect(await ids(source)).toEqual(['a'])
    await until('it may be fetched again', async () => (await source.trustAnew()).keys.has('b'))
    expect(asked).toBe(2)
  })

  test('is fetched anew when it is old, and serves meanwhile', async () => {
    await sets('a')
    const source = open({ growsOldAfter: 1 })
    await source.trust()
    await sets('b')
    await until('the new keys are there', () => source.peek()?.keys.has('b') === true)
  })

  test('that fails later leaves the keys as they were, and says so', async () => {
    await sets('a')
    const source = open({ leastInterval: 0 })
    await source.trust()
    for (const answer of [
      () => new Response('no', { status: 500 }),
      () => new Response('no JSON'),
      () => new Response('{}'),
      () => Response.redirect('/elsewhere', 302),
      () => new Response('x'.repeat(2 * 1024 * 1024)),
    ]) {
      answers = answer
      expect((await source.trustAnew()).keys.has('a')).toBe(true)
    }
    server.stop(true)
    expect((await source.trustAnew()).keys.has('a')).toBe(true)
    expect(lines.length).toBe(6)
    expect(lines.join()).toContain(url)
    expect(lines.join()).toContain('larger than')
  })

  test('that has a password or a key in it is named without', async () => {
    answers = () => new Response('no', { status: 500 })
    const source = new RemoteKeySource({ url: `${url.replace('//', '//me:hidden@')}?key=hidden`, log })
    expect(await source.reload()).toBe(`the keys at ${url} could not be fetched: it answered 500`)
  })

  test('that has never answered is an error, soon and without a flood of attempts', async () => {
    answers = () => new Promise(() => {})
    const source = open({ patience: 50 })
    await expect(source.trust()).rejects.toThrow(url)
    for (let index = 0; index < 5; index++) await expect(source.trust()).rejects.toThrow(url)
    expect(asked).toBe(1)
  })
})

describe('several sources', () => {
  const fixed = async (name: string): Promise<KeySource> => {
    const trust = await parseKeySet(await setOf(name))
    return {
      trust: async () => trust,
      trustAnew: async () => trust,
      peek: () => trust,
      reload: async () => null,
    }
  }
  const failing: KeySource = {
    trust: () => Promise.reject(new Error('it is down')),
    trustAnew: () => Promise.reject(new Error('it is down')),
    peek: () => null,
    reload: async () => 'it is down',
  }

  test('are one: the same as long as each is', async () => {
    const both = joined([await fixed('a'), await fixed('b')])
    expect((await ids(both)).toSorted()).toEqual(['a', 'b'])
    expect(await both.trust()).toBe(await both.trust())
    expect(both.peek()).toBe(await both.trust())
    expect(await both.reload()).toBeNull()
  })

  test('trust by an id the key of the first that has it', async () => {
    const other = JSON.stringify({ keys: [{ ...(await publicJwk(two)), kid: 'a' }] })
    const first = await fixed('a')
    const second: KeySource = { ...first, trust: async () => theirs }
    const theirs = await parseKeySet(other)
    const { keys } = await joined([first, second]).trust()
    expect(keys.get('a')).toEqual((await parseKeySet(await setOf('a'))).keys.get('a') as object)
  })

  test('serve while one of them is down, but know that a key may be there', async () => {
    const some = joined([await fixed('a'), failing])
    expect(await ids(some)).toEqual(['a'])
    expect(some.peek()).toBe(await some.trust())
    await expect(some.trustAnew()).rejects.toThrow('it is down')
    expect(await some.reload()).toBe('it is down')
    await expect(joined([failing]).trust()).rejects.toThrow('it is down')
  })
})
