import { describe, expect, test } from 'bun:test'
import { createLog, type Log, type LogFormat, type LogLevel } from './log.ts'

/** What a log writes, line by line. */
function logTo(format: LogFormat, level: LogLevel = 'debug', color = false): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: createLog({ level, format, color, write: (line) => lines.push(line) }), lines }
}

const TIME = /"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/

function withoutTime(line: string | undefined): string {
  return (line ?? '').replace(TIME, 'NOW').replace(/^\d\d:\d\d:\d\d/, 'NOW')
}

describe('levels', () => {
  test('below the one chosen are not written', () => {
    const { log, lines } = logTo('json', 'warn')
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['c', 'd'])
    expect([log.isLevelEnabled('info'), log.isLevelEnabled('error')]).toEqual([false, true])
  })
})

describe('json', () => {
  test("is one object a line, with registry:2's keys and level names", () => {
    const { log, lines } = logTo('json')
    log.warn({ version: '1.0', nested: { a: 1 } }, 'watch out\nhere')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toEndWith('}\n')
    const { time, ...rest } = JSON.parse(lines[0] ?? '')
    expect(Date.parse(time)).toBeGreaterThan(0)
    expect(rest).toEqual({ level: 'warning', msg: 'watch out\nhere', version: '1.0', nested: { a: 1 } })
  })

  test('has an error with its stack and its causes', () => {
    const { log, lines } = logTo('json')
    log.error({ error: new Error('no reply', { cause: new Error('disk full') }) }, 'failed')
    const { error } = JSON.parse(lines[0] ?? '')
    expect(error.message).toBe('no reply: disk full')
    expect(error.stack).toContain('caused by: Error: disk full')
  })

  test("carries a child's fields on every line", () => {
    const { log, lines } = logTo('json')
    const child = log.child({ job: 'gc' }).child({ run: 7 })
    child.info({ found: 3 }, 'a')
    child.info({}, 'b')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { job: 'gc', run: 7, found: 3 },
      { job: 'gc', run: 7 },
    ])
  })
})

describe('text', () => {
  test("is registry:2's line", () => {
    const { log, lines } = logTo('text')
    log.info({ version: '2.8.2+ds1', 'go.version': 'go1.19.8' }, 'listening on [::]:5000')
    expect(withoutTime(lines[0])).toBe(
      'time=NOW level=info msg="listening on [::]:5000" go.version=go1.19.8 version=2.8.2+ds1\n',
    )
    expect(lines[0]).toMatch(TIME)
  })

  test('has the level names of logrus', () => {
    const { log, lines } = logTo('text')
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({}, 'x')
    expect(lines.map(withoutTime)).toEqual(
      ['debug', 'info', 'warning', 'error'].map((level) => `time=NOW level=${level} msg=x\n`),
    )
  })

  // The expected forms are those that docker-registry 2.8.2 wrote, and Go's %q.
  test.each([
    ['plain', 'plain'],
    ['', ''],
    ['/v2/a/manifests/b', '/v2/a/manifests/b'],
    ['a@b^c+d_e-f.g', 'a@b^c+d_e-f.g'],
    ['127.0.0.1:7820', '"127.0.0.1:7820"'],
    ['two words', '"two words"'],
    ['x "ü\u200bé', '"x \\"ü\\u200bé"'],
    ['back\\slash', '"back\\\\slash"'],
    ['a\nb\tc\r\x07\b\f\v\x00\x1b\x7f', '"a\\nb\\tc\\r\\a\\b\\f\\v\\x00\\x1b\\x7f"'],
    ['\u2028\u202e\u{e0001}', '"\\u2028\\u202e\\U000e0001"'],
    ['k=v', '"k=v"'],
  ])('quotes where logrus does: %p', (value, expected) => {
    const { log, lines } = logTo('text')
    log.info({ key: value }, 'm')
    expect(withoutTime(lines[0])).toBe(`time=NOW level=info msg=m key=${expected}\n`)
  })

  test('spells objects with dots, and an error by its sentence', () => {
    const { log, lines } = logTo('text')
    log.error({ error: new TypeError('boom'), vars: { name: 'a', tags: ['x', 'y'] }, n: 1, none: null }, 'm')
    const line = withoutTime(lines[0])
    expect(line).toStartWith('time=NOW level=error msg=m error=boom error.stack="TypeError: boom\\n')
    expect(line).toEndWith('error.type=TypeError n=1 none=null vars.name=a vars.tags="[\\"x\\",\\"y\\"]"\n')
  })
})

describe('pretty', () => {
  test('tells the time of day, the level, the sentence and the fields', () => {
    const { log, lines } = logTo('pretty')
    log.info({ url: 'http://localhost:5000', n: 3 }, 'listening')
    log.warn({}, 'nobody may push')
    expect(lines.map(withoutTime)).toEqual([
      'NOW info  listening n=3 url="http://localhost:5000"\n',
      'NOW warn  nobody may push\n',
    ])
  })

  test('has colours only where they are wanted', () => {
    const { log, lines } = logTo('pretty', 'debug', true)
    log.error({ n: 1 }, 'no')
    expect((lines[0] ?? '').slice(16)).toBe(' \x1b[31merror\x1b[0m no \x1b[2mn=1\x1b[0m\n')
  })

  test('has the stack of an error on lines of its own', () => {
    const { log, lines } = logTo('pretty')
    log.error({ error: new Error('boom') }, 'failed')
    expect(withoutTime(lines[0])).toStartWith('NOW error failed error=boom\n  Error: boom\n  at ')
  })
})

describe('logstash', () => {
  test("is registry:2's object", () => {
    const { log, lines } = logTo('logstash')
    log.warn({ version: '1.0' }, 'watch out')
    const { '@timestamp': time, ...rest } = JSON.parse(lines[0] ?? '')
    expect(Date.parse(time)).toBeGreaterThan(0)
    expect(rest).toEqual({ '@version': '1', level: 'warning', message: 'watch out', version: '1.0' })
  })
})

test.each(['text', 'json', 'logstash', 'pretty'] as const)(
  'every line of %s has the fields of all',
  (format) => {
    const lines: string[] = []
    const fields = { service: 'registry', environment: 'staging' }
    const log = createLog({ level: 'info', format, fields, write: (line) => lines.push(line) })
    log.info({}, 'one')
    log.child({ job: 'gc' }).error({ n: 1 }, 'two')
    for (const line of lines) {
      expect(line).toMatch(/environment"?[=:]"?staging/)
      expect(line).toMatch(/service"?[=:]"?registry/)
    }
  },
)
