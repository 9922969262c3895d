/**
 * Where one request ends and the next begins: what two programs on the way could see differently, and so send
 * one person's request as another's. Nearly all of it Bun's parser refuses before Berth sees it.
 */
import { chunks, get, raw, request } from '../requests.ts'
import { accepted, byParser, type Row, refused, type Theme } from '../row.ts'
import { MANIFEST, REPOSITORY } from '../stock.ts'

const LENGTH = 'RFC 9112 §6.3: an invalid Content-Length cannot be recovered from'
const CODING = 'RFC 9112 §6.1: an unknown coding, or chunked not as the last one, is refused'
const CHUNK = 'RFC 9112 §7.1: chunk-size is hexadecimal, and ends with CRLF'
const TARGET = `/v2/${REPOSITORY}/manifests/evil`
const NOT_A_MANIFEST = refused(400, 'MANIFEST_INVALID', 'no mediaType')
const DELETE = request('DELETE', `/v2/${REPOSITORY}/manifests/v3`)
/** What a smuggled DELETE would have taken away. */
const STILL_THERE = { send: get(`/v2/${REPOSITORY}/manifests/v3`), answer: accepted(200, {}, MANIFEST.bytes) }

const put = (headers: readonly string[], body: string | Uint8Array) =>
  request('PUT', TARGET, { headers, body })
const chunked = (body: string) => put(['Transfer-Encoding: chunked'], body)
const coded = (coding: string) => put([`Transfer-Encoding: ${coding}`], chunks('{}'))
const sized = (length: string) => put([`Content-Length: ${length}`], '{}')

const lengths: Row[] = [
  {
    name: 'with two lengths that are equal',
    send: put(['Content-Length: 2', 'Content-Length: 2'], '{}'),
    answer: refused(400, 'REQUEST_INVALID', 'more than one Content-Length'),
    source: LENGTH,
    peer: {
      status: 400,
      because: 'docker-registry takes the two for one (RFC 9112 §6.3 allows both), and looks at the body',
    },
  },
  {
    name: 'with two lengths that differ',
    send: put(['Content-Length: 2', `Content-Length: ${2 + DELETE.length}`], raw('{}', DELETE)),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
    after: STILL_THERE,
  },
  {
    name: 'with a list of lengths',
    send: sized('2, 2'),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
  },
  {
    name: 'with a length with a sign',
    send: sized('+2'),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
  },
  { name: 'with a negative length', send: sized('-2'), answer: byParser(), source: LENGTH, peer: 'the same' },
  {
    name: 'with a hexadecimal length',
    send: sized('0x2'),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
  },
  {
    name: 'with two numbers in a length',
    send: sized('2 2'),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
  },
  {
    name: 'with a length in powers',
    send: sized('2e0'),
    answer: byParser(),
    source: LENGTH,
    peer: 'the same',
  },
  { name: 'with an empty length', send: sized(''), answer: byParser(), source: LENGTH, peer: 'the same' },
  {
    name: 'with a length that is 2 when cut to 64 bits',
    send: sized('18446744073709551618'),
    answer: byParser(),
    source: `${LENGTH}; CWE-190`,
    peer: 'the same',
  },
  {
    name: 'with a length of 8 EiB',
    send: sized('9223372036854775807'),
    answer: byParser(),
    source: 'RFC 9110 §8.6: a recipient MUST anticipate large numbers',
  },
  {
    name: 'whose body is one byte longer than its length',
    send: raw(put(['Content-Length: 2'], '{}'), 'x', get('/v2/')),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9112 §6.3: the length ends the body, and what follows is another request',
  },
  {
    name: 'with neither length nor coding, and a body all the same',
    send: raw(`PUT ${TARGET} HTTP/1.1\r\nHost: a\r\n\r\n`, '{}'),
    answer: [refused(400, 'MANIFEST_INVALID', 'not JSON'), byParser()],
    source: 'RFC 9112 §6.3: then there is no body',
  },
]

const codings: Row[] = [
  {
    name: 'with a length, then a coding',
    send: put(['Content-Length: 2', 'Transfer-Encoding: chunked'], chunks('{}')),
    answer: byParser(),
    source: 'RFC 9112 §6.1: both is an attempt at smuggling',
    peer: {
      status: 400,
      because: 'docker-registry lets the coding win, which RFC 9112 §6.3 allows too, and looks at the body',
    },
  },
  {
    name: 'with a coding, then a length that hides a request',
    send: put(['Transfer-Encoding: chunked', 'Content-Length: 5'], raw('0\r\n\r\n', DELETE)),
    answer: byParser(),
    source: 'RFC 9112 §6.1; CVE-2019-18277',
    after: STILL_THERE,
  },
  {
    name: 'of a coding that sounds like chunked',
    send: coded('xchunked'),
    answer: byParser(),
    source: CODING,
  },
  {
    name: 'coded as identity',
    send: coded('identity'),
    answer: byParser(),
    source: `${CODING}; CVE-2020-7238`,
  },
  { name: 'coded as gzip', send: coded('gzip'), answer: byParser(), source: CODING },
  { name: 'coded as gzip, then chunked', send: coded('gzip, chunked'), answer: byParser(), source: CODING },
  {
    name: 'coded as chunked, then identity',
    send: coded('chunked, identity'),
    answer: byParser(),
    source: CODING,
  },
  { name: 'chunked twice in one line', send: coded('chunked, chunked'), answer: byParser(), source: CODING },
  {
    name: 'chunked twice in two lines',
    send: put(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunks('{}')),
    answer: byParser(),
    source: CODING,
  },
  {
    name: 'coded as chunked behind a vertical tab',
    send: coded('\x0bchunked'),
    answer: byParser(),
    source: `${CODING}; CVE-2019-20445`,
  },
  {
    name: 'coded as chunked in upper case, which is the same',
    send: coded('CHUNKED'),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9112 §7: codings are the same in either case',
  },
  { name: 'coded as chunked in quotes', send: coded('"chunked"'), answer: byParser(), source: CODING },
  {
    name: 'coded as chunked with a parameter',
    send: coded('chunked;q=1'),
    answer: byParser(),
    source: CODING,
  },
  { name: 'coded as nothing', send: coded(''), answer: byParser(), source: CODING },
  {
    name: 'with an underscore in Transfer_Encoding',
    send: put(['Transfer_Encoding: chunked', 'Content-Length: 2'], '{}'),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9110 §5.1: another name is another header',
  },
  {
    name: 'with a space before the colon of its coding',
    send: put(['Transfer-Encoding : chunked', 'Content-Length: 2'], '{}'),
    answer: byParser(),
    source: 'RFC 9112 §5.1: refused with 400',
    peer: 'the same',
  },
  {
    name: 'with a coding folded into the next line',
    send: put(['Transfer-Encoding:', ' chunked'], chunks('{}')),
    answer: byParser(),
    source: 'RFC 9112 §5.2: obs-fold is refused',
  },
  {
    name: 'in chunks, of HTTP/1.0',
    send: raw(`PUT ${TARGET} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n`, chunks('{}')),
    answer: byParser(),
    source: 'RFC 9112 §6.1: to HTTP/1.0 there are no codings',
  },
]

const chunkRows: Row[] = [
  {
    name: 'with a chunk as large as 64 bits can say',
    send: chunked('ffffffffffffffff\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: `${CHUNK}; CWE-190`,
  },
  {
    name: 'with a chunk that has 2 bytes when cut to 64 bits',
    send: chunked('10000000000000002\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: `${CHUNK}; CVE-2013-2028`,
    peer: 'the same',
  },
  {
    name: 'with a negative chunk',
    send: chunked('-2\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with 0x before a chunk',
    send: chunked('0x2\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with a space after a chunk size',
    send: chunked('2 \r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
  },
  {
    name: 'with a space before a chunk size',
    send: chunked(' 2\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with an empty chunk size',
    send: chunked('\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with a chunk size that ends in LF',
    send: chunked('2\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: `${CHUNK}; CVE-2025-22871`,
  },
  {
    name: 'with a chunk that ends in LF',
    send: chunked('2\r\n{}\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with a chunk longer than its size',
    send: chunked('2\r\n{}xx0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
    peer: 'the same',
  },
  {
    name: 'with nothing between two chunks',
    send: chunked('1\r\n{1\r\n}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: CHUNK,
  },
  {
    name: 'with a chunk size of many zeros',
    send: chunked(`${'0'.repeat(40)}2\r\n{}\r\n0\r\n\r\n`),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9112 §7.1: leading zeros are digits too',
  },
  {
    name: 'with an extension of a chunk, which is left out',
    send: chunked('2;evil=1\r\n{}\r\n0\r\n\r\n'),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9112 §7.1.1: unknown extensions are ignored',
  },
  {
    name: 'with an extension whose quotes never close',
    send: chunked('2;evil="\r\n{}\r\n0\r\n\r\n'),
    answer: NOT_A_MANIFEST,
    source: 'RFC 9112 §7.1.1: the line end ends it, quotes or not',
  },
  {
    name: 'with an extension that hides a line end',
    send: chunked('2;a\nb\r\n{}\r\n0\r\n\r\n'),
    answer: byParser(),
    source: `${CHUNK}; CVE-2025-22871`,
    peer: 'the same',
  },
  {
    name: 'with an extension of 50 000 characters',
    send: chunked(`2;${'a'.repeat(50_000)}\r\n{}\r\n0\r\n\r\n`),
    answer: byParser(413),
    source: 'CVE-2023-39326; RFC 9112 §7.1.1: limit their total length',
  },
  {
    name: 'with a trailer that would change its length',
    send: chunked(`2\r\n{}\r\n0\r\nContent-Length: ${DELETE.length}\r\nHost: evil.test\r\n\r\n`),
    answer: [NOT_A_MANIFEST, byParser()],
    source: "RFC 9112 §7.1.2: trailers may be discarded; Bun's parser takes none, and closes",
  },
  {
    name: 'with a trailer that is no header',
    send: chunked('2\r\n{}\r\n0\r\nevil\r\n\r\n'),
    answer: [NOT_A_MANIFEST, byParser()],
    source: 'RFC 9112 §7.1.2',
  },
  {
    name: 'with a trailer of 100 000 characters',
    send: chunked(`2\r\n{}\r\n0\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`),
    answer: [NOT_A_MANIFEST, byParser()],
    source: 'RFC 9112 §7.1.2; CWE-770',
  },
  {
    name: 'with a request in the place of a trailer',
    send: chunked(`2\r\n{}\r\n0\r\n${Buffer.from(DELETE).toString()}`),
    answer: [NOT_A_MANIFEST, byParser()],
    source: 'RFC 9112 §7.1.2; CVE-2022-24761',
    after: STILL_THERE,
  },
]

const smuggled: Row[] = [
  {
    name: 'that is a GET whose body is a request',
    send: request('GET', '/v2/', { headers: [`Content-Length: ${DELETE.length}`], body: DELETE }),
    answer: accepted(200, {}, '{}'),
    source: 'RFC 9110 §9.3.1: a body of GET means nothing, and is read all the same',
    peer: 'the same',
    after: STILL_THERE,
  },
  {
    name: 'that is a HEAD whose body is a request',
    send: request('HEAD', '/v2/', { headers: [`Content-Length: ${DELETE.length}`], body: DELETE }),
    answer: accepted(200, {}, ''),
    source: 'RFC 9110 §9.3.2',
    peer: 'the same',
    after: STILL_THERE,
  },
  {
    name: 'that is refused before its body, which is a request',
    send: request('PUT', `/v2/Evil/manifests/v1`, { body: DELETE }),
    answer: refused(400, 'NAME_INVALID'),
    source: 'RFC 9112 §9.3: what is not read of a body must not become a request',
    after: STILL_THERE,
  },
  {
    name: 'that has another one right behind it, which is answered as itself',
    send: raw(put([], '{}'), get('/v2/')),
    answer: [NOT_A_MANIFEST, accepted(200, {}, '{}')],
    source: 'RFC 9112 §9.3.2: pipelining',
  },
  {
    name: 'in chunks that has another one right behind it',
    send: raw(chunked('2\r\n{}\r\n0\r\n\r\n'), get(`/v2/${REPOSITORY}/manifests/v1`)),
    answer: [NOT_A_MANIFEST, STILL_THERE.answer],
    source: 'RFC 9112 §9.3.2: pipelining',
  },
  {
    name: 'to another protocol, h2c, with a request behind it',
    send: raw(
      get('/v2/', [
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
      ]),
    ),
    answer: accepted(200, {}, '{}'),
    source: 'RFC 9110 §7.8: an Upgrade may be ignored (CVE-2021-21295)',
    peer: 'the same',
  },
  {
    name: 'to another protocol, WebSocket',
    send: get('/v2/', [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]),
    answer: accepted(200, {}, '{}'),
    source: 'RFC 9110 §7.8: an Upgrade may be ignored',
    peer: 'the same',
  },
]

export const framing: Theme = {
  theme: 'a request',
  rows: [...lengths, ...codings, ...chunkRows, ...smuggled],
}
