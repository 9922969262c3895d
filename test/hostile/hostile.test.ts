/**
 * Hostile requests against one running Berth: each gets the answer that its row names, none a 500 or anything
 * like it; afterwards nothing lies where nothing should, and the server is well. Where a row leans on
 * `docker-registry`, that is asked the same.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { type DockerRegistry, startDockerRegistry } from '../peer/docker-registry.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { codeOf, expectAnswer } from './answers.ts'
import { type Canaries, layCanaries, newScratch, type Scratch } from './canaries.ts'
import { converse, firstAnswer, openUpload } from './conversation.ts'
import { byParser, type Row, type Upload, type Wire } from './row.ts'
import { sequences } from './sequences.ts'
import { stock } from './stock.ts'
import { table } from './table/table.ts'
import { readVitals, type Vitals } from './vitals.ts'

setDefaultTimeout(30_000)

/**
 * Request lines whose HTTP version Bun's parser cannot read, or takes another word for. To these alone 505 is
 * allowed (RFC 9110 §15.6.6); where the RFC wants 400, the row's source says so.
 */
const UNREADABLE_VERSIONS = [
  'a path: has a raw NUL',
  'a path: has a raw carriage return',
  'a request: of HTTP/0.9',
  'a request: of a version to come',
  'a request: of a version in lower case',
  'a request: with a word too many',
  'a request: with bare line feeds',
]

/** The access log on standard output: eight fields and the request's line, in which quotes are escaped. */
const COMBINED_LINE =
  /^\S+ \S+ \S+ \[[^\]]+\] "(?:[^"\\]|\\.)*" \d{3} \S+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$/

let scratch: Scratch
let canaries: Canaries
let berth: BerthServer
let atRest: Vitals

beforeAll(async () => {
  scratch = newScratch()
  berth = await startBerth({
    data: scratch.data,
    env: { BERTH_LOG_FORMAT: 'json', REGISTRY_LOG_LEVEL: 'debug' },
  })
  await stock(berth.url)
  canaries = layCanaries(scratch)
  await pushImage(berth.url, 'warm/up', '1', smallImage('warm up'))
  atRest = readVitals(berth.pid)
})

afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  scratch.remove()
})

async function bytesOf(send: Row['send'], url: string): Promise<{ wire: Wire; upload: Upload | null }> {
  if (typeof send !== 'function') return { wire: send, upload: null }
  const upload = await openUpload(url)
  return { wire: send(upload), upload }
}

for (const { theme, rows } of table) {
  describe(theme, () => {
    test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
      const expected = [row.answer].flat()
      const { wire, upload } = await bytesOf(row.send, berth.url)
      const { answers, connection, received } = await converse(berth.port, wire, expected.length)
      expect(connection).not.toBe('out of step')
      expect(answers.map(({ status }) => status)).toEqual(expected.map(({ status }) => status))
      for (const [index, answer] of answers.entries()) expectAnswer(answer, expected[index])
      expect(received.includes(canaries.secret)).toBe(false)
      if (row.after === undefined) return
      const { send, answer } = row.after
      const next =
        typeof send === 'function' && upload !== null ? send(upload) : (await bytesOf(send, berth.url)).wire
      const afterwards = await converse(berth.port, next, 1)
      expect(afterwards.answers).toHaveLength(1)
      for (const each of afterwards.answers) expectAnswer(each, answer)
    })
  })
}

describeWith('what docker-registry answers to the same', ['docker-registry'], () => {
  let peer: DockerRegistry
  const rows = table.flatMap(({ theme, rows }) =>
    rows.map((row) => ({ ...row, name: `${theme}: ${row.name}` })),
  )

  beforeAll(async () => {
    peer = await startDockerRegistry()
    await stock(peer.url)
  })
  afterAll(() => peer[Symbol.asyncDispose]())

  async function ask(server: { readonly url: string }, row: Row) {
    const { wire } = await bytesOf(row.send, server.url)
    const answer = await firstAnswer(Number(new URL(server.url).port), wire)
    return answer === null ? null : { status: answer.status, code: codeOf(answer) }
  }

  const alike = rows.filter(({ peer }) => peer === 'the same')
  test.each(alike.map((row) => [row.name, row] as const))('is the same: %s', async (_, row) => {
    const [ours, theirs] = [await ask(berth, row), await ask(peer, row)]
    expect(theirs?.status).toBe(ours?.status)
    if (theirs?.code && ours?.code) expect(theirs.code).toBe(ours.code)
  })

  const different = rows.filter(({ peer }) => typeof peer === 'object')
  test.each(different.map((row) => [row.name, row] as const))('differs: %s', async (_, row) => {
    const theirs = await ask(peer, row)
    const ours = await ask(berth, row)
    expect(theirs?.status).toBe(typeof row.peer === 'object' ? row.peer.status : 0)
    expect(theirs).not.toEqual(ours)
  })
})

describe('a question of the table with some bytes changed', () => {
  const questions = table
    .flatMap(({ rows }) => rows.map(({ send }) => send))
    .filter((send) => typeof send !== 'function')
    .map((send) => Buffer.from(send))
    .filter((bytes) => bytes.length < 10_000 && /^(GET|HEAD) /.test(bytes.toString('latin1', 0, 5)))
  const special = fc.constantFrom(...Buffer.from('\0\t\n\r "%,-./:;\\x0\xff', 'latin1'))
  const change = fc.record({ at: fc.nat(), removed: fc.nat(8), added: fc.array(special, { maxLength: 3 }) })

  test('is answered below 500, or 505 by the parser, and the connection ends', async () => {
    const changed = fc
      .tuple(fc.constantFrom(...questions), fc.array(change, { minLength: 1, maxLength: 3 }))
      .map(([bytes, changes]) =>
        changes.reduce<Uint8Array>((wire, { at, removed, added }) => {
          const place = at % (wire.length + 1)
          return Buffer.concat([wire.subarray(0, place), Buffer.from(added), wire.subarray(place + removed)])
        }, bytes),
      )
    await fc.assert(
      fc.asyncProperty(changed, async (wire) => {
        const { answers } = await converse(berth.port, wire, 0)
        const failures = answers.filter(({ status }) => status >= 500)
        for (const { status, body } of failures) expect([status, body.length]).toEqual([505, 0])
      }),
      { numRuns: 150 },
    )
  })
})

describe('in several steps', () => {
  test.each(sequences.map((sequence) => [sequence.name, sequence] as const))('%s', async (_, sequence) => {
    await sequence.run(berth)
  })
})

describe('afterwards', () => {
  test('the table has at least 150 rows, and no two the same', () => {
    const sent = table.flatMap(({ rows }) => rows.map(({ send }) => send))
    const fixed = sent
      .filter((send) => typeof send !== 'function')
      .map((send) => Buffer.from(send).toString('latin1'))
    expect(sent.length).toBeGreaterThanOrEqual(150)
    expect(new Set(fixed).size).toBe(fixed.length)
  })

  test("every answer is below 500, but the parser's 505 to an HTTP version that it cannot read", () => {
    const failures = table.flatMap(({ theme, rows }) =>
      rows.flatMap(({ name, answer, after }) =>
        [answer, after?.answer ?? []]
          .flat()
          .filter(({ status }) => status >= 500)
          .map((failure) => ({ name: `${theme}: ${name}`, failure })),
      ),
    )
    expect(failures).toEqual(UNREADABLE_VERSIONS.map((name) => ({ name, failure: byParser(505) })))
  })

  test('nothing outside the data folder was touched, and no name in it came from a hostile request', () => {
    expect(canaries.damage()).toEqual([])
  })

  test('every line of the log is one, and none is about a failure', () => {
    const lines = berth.log().trimEnd().split('\n')
    const records = lines
      .filter((line) => !COMBINED_LINE.test(line))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const isNews = ({ level, msg }: Record<string, unknown>) =>
      (level === 'error' || level === 'warning') && msg !== 'response completed with error'
    const news = records.filter(isNews)
    expect(news.map(({ msg }) => msg)).toEqual([expect.stringContaining('open to everyone')])
    expect(records.filter((record) => 'evil' in record)).toEqual([])
  })

  test('its descriptors and memory are back, and were never many', async () => {
    await until('descriptors are closed', () => readVitals(berth.pid).descriptors <= atRest.descriptors)
    expect(readVitals(berth.pid).peak).toBeLessThan(200 * 1024 * 1024)
    expect(readVitals(berth.pid).memory).toBeLessThan(atRest.memory + 100 * 1024 * 1024)
  })

  test('it is the same process, ready, and takes and gives an image', async () => {
    expect(berth.processes()).toContain(berth.pid)
    expect((await fetch(`${berth.url}/readyz`)).status).toBe(200)
    const image = smallImage('afterwards')
    await pushImage(berth.url, 'well/again', '1', image)
    for (const { digest, bytes } of image.blobs) {
      const answer = await fetch(`${berth.url}/v2/well/again/blobs/${digest}`)
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
    }
  })
})
