/** Request lines, header lines and methods that are not what they should be, and requests that stop half way. */
import { get, raw, request } from '../requests.ts'
import { accepted, BUN_SAYS_505, byParser, type Row, refused, SILENCE, type Theme } from '../row.ts'
import { MANIFEST, REPOSITORY } from '../stock.ts'

const HOST = 'RFC 9112 §3.2: 400 without a Host, with two, or with one that is no host'
const LINE = 'RFC 9112 §3: a line that is no request line gets 400'
const FIELD = 'RFC 9112 §5, RFC 9110 §5.5'
const CUT = 'RFC 9112 §8: an incomplete request is not acted upon'
const PULL = `/v2/${REPOSITORY}/manifests/v1`
const ACCEPT = `Accept: ${MANIFEST.mediaType}`
const PULLED = accepted(200, { 'docker-content-digest': new RegExp(MANIFEST.digest) }, MANIFEST.bytes)

const line = (text: string) => raw(`${text}\r\nHost: a\r\n\r\n`)
const field = (text: string) => raw(`GET /v2/ HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`)

const hosts: Row[] = [
  {
    name: 'without a Host',
    send: raw('GET /v2/ HTTP/1.1\r\n\r\n'),
    answer: byParser(),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with two Hosts',
    send: get('/v2/', ['Host: registry.test', 'Host: evil.test']),
    answer: refused(400, 'REQUEST_INVALID', 'more than one Host'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with two Hosts that are equal',
    send: get('/v2/', ['Host: registry.test', 'Host: registry.test']),
    answer: refused(400, 'REQUEST_INVALID', 'more than one Host'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with a list as Host',
    send: get('/v2/', ['Host: registry.test, evil.test']),
    answer: refused(400, 'REQUEST_INVALID'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with a space in its Host',
    send: get('/v2/', ['Host: a b']),
    answer: refused(400, 'REQUEST_INVALID'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with a path in its Host',
    send: get('/v2/', ['Host: a/../../canary?']),
    answer: refused(400, 'REQUEST_INVALID'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with a user in its Host',
    send: get('/v2/', ['Host: registry.test@evil.test']),
    answer: refused(400, 'REQUEST_INVALID'),
    source: HOST,
    peer: 'the same',
  },
  {
    name: 'with an empty Host, which is one',
    send: get('/v2/', ['Host:']),
    answer: accepted(200, {}, '{}'),
    source: 'RFC 9112 §3.2: a client without an authority sends an empty Host',
    peer: 'the same',
  },
]

const lines: Row[] = [
  {
    name: 'of HTTP/1.0 without a Host',
    send: raw('GET /v2/ HTTP/1.0\r\n\r\n'),
    answer: accepted(200, {}, '{}'),
    source: 'RFC 1945',
    peer: 'the same',
  },
  {
    name: 'of HTTP/0.9',
    send: raw('GET /v2/\r\n\r\n'),
    answer: byParser(505),
    source: 'RFC 9110 §15.6.6: a version that is not supported',
    peer: { status: 400, because: 'to docker-registry a line without a version is no request line' },
  },
  {
    name: 'of HTTP/2 without TLS',
    send: raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    answer: byParser(),
    source: 'RFC 9113 §3.4',
  },
  {
    name: 'of a version to come',
    send: line('GET /v2/ HTTP/9.9'),
    answer: byParser(505),
    source: 'RFC 9110 §15.6.6',
    peer: 'the same',
  },
  {
    name: 'of a version in lower case',
    send: line('GET /v2/ http/1.1'),
    answer: byParser(505),
    source: `${BUN_SAYS_505}: HTTP is written in upper case (§2.3)`,
    peer: { status: 400, because: BUN_SAYS_505 },
  },
  {
    name: 'with two spaces',
    send: line('GET  /v2/ HTTP/1.1'),
    answer: byParser(),
    source: LINE,
    peer: 'the same',
  },
  {
    name: 'with a word too many',
    send: line('GET /v2/ /evil HTTP/1.1'),
    answer: byParser(505),
    source: `${BUN_SAYS_505}: a request line has three words`,
    peer: { status: 400, because: BUN_SAYS_505 },
  },
  {
    name: 'behind an empty line',
    send: raw('\r\n', get('/v2/')),
    answer: byParser(),
    source: 'RFC 9112 §2.2: a server SHOULD ignore it, and need not',
    peer: 'the same',
  },
  {
    name: 'with bare line feeds',
    send: raw('GET /v2/ HTTP/1.1\nHost: a\n\n'),
    answer: byParser(505),
    source: `${BUN_SAYS_505} from who does not take them (§2.2: a recipient MAY)`,
    peer: { status: 200, because: 'docker-registry takes them, as RFC 9112 §2.2 allows' },
  },
  {
    name: 'that begins a TLS handshake',
    send: raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\0'.repeat(512)),
    answer: byParser(),
    source: LINE,
  },
  {
    name: 'of another protocol',
    send: raw('EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\n\r\n'),
    answer: byParser(),
    source: 'CWE-918: nothing is done for a line that is no request',
  },
  {
    name: 'to another host in full',
    send: get(`http://evil.test${PULL}`, [ACCEPT]),
    answer: PULLED,
    source: 'RFC 9112 §3.2.2: the absolute form is taken, its host means nothing here',
    peer: 'the same',
  },
  {
    name: 'in full that climbs',
    send: get('http://registry.test/v2/../../canary'),
    answer: refused(404, 'NOT_FOUND', '/canary'),
    source: 'RFC 3986 §5.2.4',
  },
  {
    name: 'for a file of the machine',
    send: get('file:///etc/passwd'),
    answer: byParser(),
    source: 'RFC 9112 §3.2',
  },
  {
    name: 'without a slash',
    send: get('evil.test'),
    answer: byParser(),
    source: 'RFC 9112 §3.2',
    peer: 'the same',
  },
]

const methods: Row[] = [
  {
    name: 'of a method in lower case',
    send: line('get /v2/ HTTP/1.1'),
    answer: SILENCE,
    source: "RFC 9110 §9.1: methods are case-sensitive; Bun's parser closes without a word",
  },
  {
    name: 'of a method that nobody knows',
    send: line('EVIL /v2/ HTTP/1.1'),
    answer: SILENCE,
    source: "RFC 9110 §9.1: unknown methods; Bun's parser closes without a word",
  },
  {
    name: 'of a method of 5 000 letters',
    send: line(`${'A'.repeat(5000)} /v2/ HTTP/1.1`),
    answer: SILENCE,
    source: 'RFC 9110 §9.1',
  },
  {
    name: 'of a method of WebDAV',
    send: request('PROPFIND', '/v2/'),
    answer: refused(405, 'UNSUPPORTED', 'PROPFIND', { allow: /^GET, HEAD$/ }),
    source: 'RFC 9110 §15.5.6',
  },
  {
    name: 'to say it back, with a secret',
    send: request('TRACE', '/v2/', { headers: ['Cookie: evil'] }),
    answer: refused(405, 'UNSUPPORTED', 'TRACE'),
    source: 'CVE-2004-2320 (cross-site tracing)',
  },
  {
    name: 'to connect to another host',
    send: raw('CONNECT evil.test:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    answer: refused(404, 'NOT_FOUND'),
    source: 'RFC 9110 §9.3.6: only proxies connect',
  },
  {
    name: 'for the options of the whole server',
    send: line('OPTIONS * HTTP/1.1'),
    answer: byParser(),
    source: "RFC 9112 §3.2.4: legal, and unknown to Bun's parser",
  },
  {
    name: 'for the options of a repository',
    send: request('OPTIONS', PULL, {
      headers: ['Origin: https://evil.test', 'Access-Control-Request-Method: DELETE'],
    }),
    answer: accepted(200, { allow: /^DELETE, GET, HEAD, PUT$/ }, ''),
    source: 'docker-registry; no Access-Control-Allow-Origin for anybody',
    peer: 'the same',
  },
  {
    name: 'whose method a header would change',
    send: get(PULL, [ACCEPT, 'X-HTTP-Method-Override: DELETE', 'X-Method-Override: DELETE']),
    answer: PULLED,
    source: 'RFC 9110 §9.1: the method is the method',
    peer: 'the same',
    after: { send: get(PULL), answer: PULLED },
  },
  {
    name: 'that would write where one reads',
    send: request('POST', PULL, { body: MANIFEST.bytes }),
    answer: refused(405, 'UNSUPPORTED', 'POST', { allow: /^DELETE, GET, HEAD, PUT$/ }),
    source: 'docker-registry; RFC 9110 §15.5.6',
    peer: 'the same',
  },
]

const fields: Row[] = [
  {
    name: 'with a folded header',
    send: field('X-Evil: a\r\n b'),
    answer: byParser(),
    source: 'RFC 9112 §5.2',
  },
  {
    name: 'with a NUL in a header',
    send: field('X-Evil: a\0b'),
    answer: byParser(),
    source: FIELD,
    peer: 'the same',
  },
  {
    name: 'with a bare CR in a header',
    send: field('X-Evil: a\rX-Evil: b'),
    answer: byParser(),
    source: FIELD,
    peer: 'the same',
  },
  { name: 'with a header without a name', send: field(': evil'), answer: byParser(), source: FIELD },
  {
    name: 'with a header without a colon',
    send: field('evil'),
    answer: byParser(),
    source: FIELD,
    peer: 'the same',
  },
  {
    name: 'with a header name that is not ASCII',
    send: raw('GET /v2/ HTTP/1.1\r\nHost: a\r\nEv\xefl: a\r\n\r\n'),
    answer: byParser(),
    source: FIELD,
    peer: 'the same',
  },
  {
    name: 'with a header of 70 000 characters',
    send: field(`X-Evil: ${'a'.repeat(70_000)}`),
    answer: byParser(431),
    source: 'RFC 6585 §5',
  },
  {
    name: 'with 3 000 headers',
    send: field(Array.from({ length: 3000 }, (_, at) => `X-${at}: a`).join('\r\n')),
    answer: byParser(431),
    source: 'RFC 6585 §5',
  },
]

const halves: Row[] = [
  { name: 'that ends in its first word', send: raw('GE'), answer: SILENCE, source: CUT },
  {
    name: 'that ends after its first line',
    send: raw('GET /v2/ HTTP/1.1\r\n'),
    answer: SILENCE,
    source: CUT,
  },
  {
    name: 'that ends in a header',
    send: raw('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Ev'),
    answer: SILENCE,
    source: `${CUT}; CVE-2007-6750 (slowloris)`,
  },
  {
    name: 'whose manifest ends half way',
    send: request('PUT', `/v2/${REPOSITORY}/manifests/half`, {
      headers: [`Content-Type: ${MANIFEST.mediaType}`, `Content-Length: ${MANIFEST.bytes.length}`],
      body: MANIFEST.bytes.subarray(0, 100),
    }),
    answer: SILENCE,
    source: CUT,
    after: { send: get(`/v2/${REPOSITORY}/manifests/half`), answer: refused(404, 'MANIFEST_UNKNOWN') },
  },
  {
    name: 'whose chunks never end',
    send: request('PUT', `/v2/${REPOSITORY}/manifests/unended`, {
      headers: [`Content-Type: ${MANIFEST.mediaType}`, 'Transfer-Encoding: chunked'],
      body: raw(`${MANIFEST.bytes.length.toString(16)}\r\n`, MANIFEST.bytes, '\r\n'),
    }),
    answer: SILENCE,
    source: CUT,
    after: { send: get(`/v2/${REPOSITORY}/manifests/unended`), answer: refused(404, 'MANIFEST_UNKNOWN') },
  },
  {
    name: 'whose chunk ends half way',
    send: request('PUT', `/v2/${REPOSITORY}/manifests/chunk`, {
      headers: ['Transfer-Encoding: chunked'],
      body: 'ff\r\n{',
    }),
    answer: SILENCE,
    source: CUT,
  },
]

export const requestLines: Theme = {
  theme: 'a request',
  rows: [...hosts, ...lines, ...methods, ...fields, ...halves],
}
