import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { logRequest, type ServedRequest } from './access-log.ts'
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

const request: ServedRequest = {
  id: 'r-1',
  method: 'PUT',
  path: '/v2/team/app/manifests/1.2',
  remoteAddress: '10.0.0.7',
  userAgent: 'docker/29.0 go/1.26',
  status: 201,
  bytes: 0,
  milliseconds: 12.34567,
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

  test('tells a request as one would', () => {
    const { log, lines } = logTo('pretty')
    logServed(log, { ...request, bytes: 512 })
    expect(withoutTime(lines[0])).toBe(
      'NOW info  PUT /v2/team/app/manifests/1.2 201 12.346ms 512B 10.0.0.7 docker/29.0 go/1.26 r-1\n',
    )
  })
})

test('whatever clients send, a line is one line, and steers no terminal', () => {
  const { log: text, lines: textLines } = logTo('text')
  const { log: pretty, lines: prettyLines } = logTo('pretty')
  const { log: json, lines: jsonLines } = logTo('json')
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\x1b[2J', 'a\r\nlevel=error msg=forged', '\u009b31m', '\u2028'),
  )
  fc.assert(
    fc.property(nasty, nasty, (path, userAgent) => {
      for (const log of [text, pretty, json]) {
        logServed(log, { ...request, path, userAgent })
        log.warn({ path, userAgent }, `refused ${userAgent}`)
      }
    }),
  )
  for (const line of [...textLines, ...prettyLines, ...jsonLines]) {
    // biome would read a control character in a pattern as a mistake
    const controls = [...line.slice(0, -1)].filter((character) => (character.codePointAt(0) ?? 0) < 0x20)
    expect(controls).toEqual([])
    expect(line).toEndWith('\n')
  }
  for (const line of [...textLines, ...prettyLines]) expect(line).not.toMatch(/[\u0080-\u009f\u2028\u2029]/)
})

describe('the line of a request', () => {
  test("has registry:2's field names", () => {
    const { log, lines } = logTo('text')
    logServed(log, request)
    expect(withoutTime(lines[0])).toBe(
      'time=NOW level=info msg="response completed" http.request.id=r-1 http.request.method=PUT' +
        ' http.request.remoteaddr=10.0.0.7 http.request.uri=/v2/team/app/manifests/1.2' +
        ' http.request.useragent="docker/29.0 go/1.26" http.response.duration=12.346ms' +
        ' http.response.status=201 http.response.written=0\n',
    )
  })

  test('leaves out what is not known', () => {
    const { log, lines } = logTo('json')
    logServed(log, { ...request, remoteAddress: null, userAgent: null, bytes: null, milliseconds: 2500 })
    const { time, ...fields } = JSON.parse(lines[0] ?? '')
    expect(fields).toEqual({
      level: 'info',
      msg: 'response completed',
      'http.request.id': 'r-1',
      'http.request.method': 'PUT',
      'http.request.uri': '/v2/team/app/manifests/1.2',
      'http.response.status': 201,
      'http.response.duration': '2.5s',
    })
  })

  test.each([
    ['GET', 200, 'debug'],
    ['HEAD', 404, 'debug'],
    ['GET', 401, 'debug'],
    ['GET', 307, 'debug'],
    ['GET', 403, 'info'],
    ['GET', 429, 'info'],
    ['PUT', 201, 'info'],
    ['DELETE', 202, 'info'],
    ['PATCH', 416, 'info'],
    ['GET', 500, 'warning'],
    ['PUT', 503, 'warning'],
  ])('of %s with %d is for %s', (method, status, level) => {
    const { log, lines } = logTo('json')
    logServed(log, { ...request, method, status })
    expect(JSON.parse(lines[0] ?? '').level).toBe(level)
  })
})

test('a request that has no line is not described', () => {
  const { log, lines } = logTo('json', 'info')
  logRequest(log, { method: 'GET', status: 200 }, () => {
    throw new Error('nobody wants to know')
  })
  expect(lines).toEqual([])
})

function logServed(log: Log, served: ServedRequest): void {
  logRequest(log, served, () => served)
}
