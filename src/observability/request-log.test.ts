import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createLog, type LogFields, type LogFormat, type LogLevel } from './log.ts'
import { createRequestLog } from './request-log.ts'
import type { ServedRequest } from './served-request.ts'

const request: ServedRequest = {
  id: 'r-1',
  method: 'PUT',
  host: 'registry.example.com',
  path: '/v2/team/app/manifests/1.2',
  remoteAddress: '10.0.0.7',
  userAgent: 'docker/29.0 go/1.26',
  referer: null,
  requestType: 'application/vnd.oci.image.manifest.v1+json',
  responseType: null,
  status: 201,
  bytes: 0,
  milliseconds: 12.34567,
  user: null,
  variables: { name: 'team/app', reference: '1.2' },
  refusal: null,
}

interface Written {
  /** What went to the log, and the combined lines. */
  readonly lines: string[]
  readonly combined: string[]
  tell(request: ServedRequest): void
}

function requestLog(format: LogFormat, level: LogLevel = 'debug', fields: LogFields = {}): Written {
  const lines: string[] = []
  const combined: string[] = []
  const write = (line: string) => void lines.push(line)
  const log = createLog({ level, format, fields, write })
  const writeCombined = (line: string) => void combined.push(line)
  const tell = createRequestLog({ log, format, fields, write, writeCombined })
  return { lines, combined, tell: (told) => tell(told, () => told) }
}

function withoutTime(line: string | undefined): string {
  return (line ?? '')
    .replace(/"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, 'NOW')
    .replace(/^\d\d:\d\d:\d\d/, 'NOW')
    .replace(/\[\d\d\/[A-Z][a-z]{2}\/20\d\d:\d\d:\d\d:\d\d \+0000\]/, '[NOW]')
}

describe('for programs', () => {
  test("a request has registry:2's fields, in the order of their names", () => {
    const { lines, tell } = requestLog('text', 'info', { version: '1.0', environment: 'staging' })
    tell({ ...request, user: 'alice', responseType: 'text/plain' })
    expect(withoutTime(lines[0])).toBe(
      'time=NOW level=info msg="response completed" auth.user.name=alice environment=staging' +
        ' http.request.contenttype=application/vnd.oci.image.manifest.v1+json' +
        ' http.request.host=registry.example.com http.request.id=r-1 http.request.method=PUT' +
        ' http.request.remoteaddr=10.0.0.7 http.request.uri=/v2/team/app/manifests/1.2' +
        ' http.request.useragent="docker/29.0 go/1.26" http.response.contenttype=text/plain' +
        ' http.response.duration=12.346ms http.response.status=201 http.response.written=0' +
        ' vars.name=team/app vars.reference=1.2 version=1.0\n',
    )
  })

  test('one that was refused says why, as an error', () => {
    const { lines, tell } = requestLog('text')
    const refusal = { code: 'MANIFEST_UNKNOWN', message: 'No such tag.', detail: { tag: 'latest' } }
    tell({ ...request, method: 'GET', status: 404, refusal })
    expect(withoutTime(lines[0])).toStartWith(
      'time=NOW level=error msg="response completed with error" err.code="manifest unknown"' +
        ' err.detail="{\\"tag\\":\\"latest\\"}" err.message="No such tag." http.request.contenttype=',
    )
  })

  test.each(['json', 'logstash'] as const)('%s has the same fields, numbers as numbers', (format) => {
    const { lines, tell } = requestLog(format, 'info', { service: 'registry' })
    tell({
      ...request,
      remoteAddress: null,
      userAgent: null,
      requestType: null,
      bytes: 7,
      milliseconds: 2500,
    })
    const { time, '@timestamp': timestamp, ...rest } = JSON.parse(lines[0] ?? '')
    expect(Date.parse(time ?? timestamp)).toBeGreaterThan(0)
    expect(rest).toEqual({
      ...(format === 'json'
        ? { msg: 'response completed' }
        : { message: 'response completed', '@version': '1' }),
      level: 'info',
      service: 'registry',
      'http.request.host': 'registry.example.com',
      'http.request.id': 'r-1',
      'http.request.method': 'PUT',
      'http.request.uri': '/v2/team/app/manifests/1.2',
      'http.response.status': 201,
      'http.response.written': 7,
      'http.response.duration': '2.5s',
      'vars.name': 'team/app',
      'vars.reference': '1.2',
    })
  })

  test.each([
    [200, 'info'],
    [307, 'info'],
    [401, 'warning'],
    [404, 'error'],
    [500, 'error'],
  ])('%d is for %s', (status, level) => {
    const { lines, tell } = requestLog('json')
    tell({ ...request, status })
    expect(JSON.parse(lines[0] ?? '').level).toBe(level)
  })

  test("what is not the protocol's has a combined line alone, unless it fails", () => {
    const { lines, combined, tell } = requestLog('text')
    tell({ ...request, path: '/healthz', variables: null, status: 200 })
    expect([lines.length, combined.length]).toEqual([0, 1])
    tell({ ...request, path: '/nowhere', variables: null, status: 404 })
    expect([lines.length, combined.length]).toEqual([1, 2])
  })

  test('the combined line does not depend on the level', () => {
    const { lines, combined, tell } = requestLog('text', 'error')
    tell({ ...request, method: 'GET', status: 200, bytes: 512, referer: 'https://ui.example.com/' })
    expect(lines).toEqual([])
    expect(withoutTime(combined[0])).toBe(
      '10.0.0.7 - - [NOW] "GET /v2/team/app/manifests/1.2 HTTP/1.1" 200 512' +
        ' "https://ui.example.com/" "docker/29.0 go/1.26"\n',
    )
  })
})

describe('for people', () => {
  test('a request is told as one would', () => {
    const { lines, combined, tell } = requestLog('pretty')
    tell({ ...request, bytes: 512 })
    expect(withoutTime(lines[0])).toBe(
      'NOW info  PUT /v2/team/app/manifests/1.2 201 12.346ms 512B 10.0.0.7 docker/29.0 go/1.26 r-1\n',
    )
    expect(combined).toEqual([])
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
    ['GET', 500, 'warn'],
    ['PUT', 503, 'warn'],
  ])('%s with %d is for %s', (method, status, level) => {
    const { lines, tell } = requestLog('pretty')
    tell({ ...request, method, status })
    expect(lines[0]?.slice(9).trimStart().split(' ')[0]).toBe(level)
  })
})

test('a request that has no line is not described', () => {
  const write = () => {}
  const log = createLog({ level: 'error', format: 'text', write })
  const tell = createRequestLog({ log, format: 'text', write, writeCombined: null })
  tell({ method: 'GET', status: 200 }, () => {
    throw new Error('nobody wants to know')
  })
})

test('whatever clients send, a line is one line, and steers no terminal', () => {
  const formats = (['text', 'pretty', 'json', 'logstash'] as const).map((format) => requestLog(format))
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\x1b[2J', 'a\r\nlevel=error msg=forged', '\u009b31m', '\u2028', '" 200 0 "" "', '\\'),
  )
  fc.assert(
    fc.property(nasty, nasty, (path, userAgent) => {
      const variables = { name: path }
      for (const { tell } of formats) tell({ ...request, path, userAgent, referer: userAgent, variables })
    }),
  )
  for (const line of formats.flatMap(({ lines, combined }) => [...lines, ...combined])) {
    // biome would read a control character in a pattern as a mistake
    const controls = [...line.slice(0, -1)].filter((character) => (character.codePointAt(0) ?? 0) < 0x20)
    expect(controls).toEqual([])
    expect(line).toEndWith('\n')
  }
  for (const { combined } of formats) {
    for (const line of combined) {
      expect(line).toMatch(
        /^10\.0\.0\.7 - - \[[^\]]+\] "PUT [^ ]* HTTP\/1\.1" 201 0 "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"\n$/,
      )
    }
  }
})
