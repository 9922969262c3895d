/** Headers that want to be believed: other hosts, other paths, other people, ids and tags that split a line. */
import { get, raw, request } from '../requests.ts'
import { accepted, byParser, refused, type Theme } from '../row.ts'
import { BLOB, IMAGE, MANIFEST, REPOSITORY, SCRATCH, UNKNOWN } from '../stock.ts'

const PULL = `/v2/${REPOSITORY}/manifests/v1`
const BLOB_PATH = `/v2/${REPOSITORY}/blobs/${BLOB.digest}`
const ACCEPT = `Accept: ${MANIFEST.mediaType}`
const PULLED = accepted(200, { 'docker-content-digest': new RegExp(MANIFEST.digest) }, MANIFEST.bytes)
const BEGIN = `/v2/${SCRATCH}/blobs/uploads/`
const OWN_UUID = { 'x-request-id': /^[0-9a-f]{8}-[0-9a-f-]{27}$/ }
const RELATIVE = { location: new RegExp(`^/v2/${SCRATCH}/blobs/uploads/[0-9a-f-]{36}\\?_state=1$`) }
const TRAP = 'distribution#970, #1177: a Location is a path, whoever stands in between'
const CONDITION = 'RFC 9110 §13.1.2'
const OPEN = 'RFC 9110 §11.6.2: a registry that is open needs no credentials, and ignores them'

const begin = (...headers: string[]) => request('POST', BEGIN, { headers })

export const headers: Theme = {
  theme: 'a header',
  rows: [
    {
      name: 'gives an id that would break a line of the log',
      send: get('/v2/', ['X-Request-Id: evil" level=error msg="a request failed']),
      answer: accepted(200, OWN_UUID, '{}'),
      source: 'CWE-117: such an id is replaced',
    },
    {
      name: 'gives an id of 10 000 characters',
      send: get('/v2/', [`X-Request-Id: ${'a'.repeat(10_000)}`]),
      answer: accepted(200, OWN_UUID, '{}'),
      source: 'CWE-117; CWE-770',
    },
    {
      name: 'gives an id with what a terminal obeys',
      send: raw('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Request-Id: \x9b31mevil\r\n\r\n'),
      answer: accepted(200, OWN_UUID, '{}'),
      source: 'CWE-150',
    },
    {
      name: 'gives two ids',
      send: get('/v2/', ['X-Request-Id: one', 'X-Request-Id: two']),
      answer: accepted(200, OWN_UUID, '{}'),
      source: 'RFC 9110 §5.3: they arrive joined by a comma, which no id has',
    },
    {
      name: 'calls itself what a log reader would believe',
      send: get('/v2/', ['User-Agent: a","level":"error","evil":"yes', 'X-Real-IP: 127.0.0.1']),
      answer: accepted(200, {}, '{}'),
      source: 'CWE-117: see the log, afterwards',
      peer: 'the same',
    },
    {
      name: 'calls itself what a terminal obeys',
      send: raw('GET /v2/ HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b]0;evil\x07\r\n\r\n'),
      answer: byParser(),
      source: 'RFC 9110 §5.5: controls are no part of a field; CWE-150',
    },
    {
      name: 'names another host as the Host',
      send: begin('Host: evil.test'),
      answer: accepted(202, RELATIVE),
      source: TRAP,
      peer: 'the same',
    },
    {
      name: 'names another host as forwarded',
      send: begin('X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: javascript'),
      answer: accepted(202, RELATIVE),
      source: TRAP,
      peer: 'the same',
    },
    {
      name: 'names another host as forwarded, in the standard way',
      send: begin('Forwarded: for=127.0.0.1;host="evil.test";proto=https'),
      answer: accepted(202, RELATIVE),
      source: `${TRAP}; RFC 7239 §8.1`,
      peer: 'the same',
    },
    {
      name: 'names another prefix and port as forwarded',
      send: begin('X-Forwarded-Prefix: //evil.test', 'X-Forwarded-Port: 1'),
      answer: accepted(202, RELATIVE),
      source: TRAP,
      peer: 'the same',
    },
    {
      name: 'names another path behind a proxy',
      send: get('/v2/', ['X-Original-URL: /v2/_catalog', 'X-Rewrite-URL: /v2/_catalog']),
      answer: accepted(200, {}, '{}'),
      source: 'CVE-2018-14773: the path is the path',
      peer: 'the same',
    },
    {
      name: 'would be spoken of as a hop, so that it is dropped',
      send: get(PULL, [ACCEPT, 'Connection: close, Authorization, Host']),
      answer: PULLED,
      source: 'RFC 9110 §7.6.1',
      peer: 'the same',
    },
    {
      name: 'has credentials that are none',
      send: get(PULL, [ACCEPT, 'Authorization: Basic %%%%']),
      answer: PULLED,
      source: OPEN,
      peer: 'the same',
    },
    {
      name: 'has a token without an algorithm',
      send: get(PULL, [ACCEPT, 'Authorization: Bearer eyJhbGciOiJub25lIn0.eyJhY2Nlc3MiOltdfQ.']),
      answer: PULLED,
      source: OPEN,
      peer: 'the same',
    },
    {
      name: 'has a token of 60 000 characters',
      send: get(PULL, [ACCEPT, `Authorization: Bearer ${'a'.repeat(60_000)}`]),
      answer: PULLED,
      source: OPEN,
      peer: 'the same',
    },
    {
      name: 'comes from another site',
      send: get(PULL, [ACCEPT, 'Origin: null', 'Cookie: session=evil']),
      answer: accepted(200, { 'access-control-allow-origin': /^$/ }, MANIFEST.bytes),
      source: 'Fetch standard "CORS protocol": nobody is let in by default',
      peer: 'the same',
    },
    {
      name: 'accepts a thousand types',
      send: get(PULL, [
        `Accept: ${Array.from({ length: 1000 }, (_, at) => `evil/t${at};q=0.${at}`).join(', ')}`,
      ]),
      answer: PULLED,
      source: 'docs/decisions/accept.md: what is stored is sent',
      peer: {
        status: 404,
        because:
          'docker-registry sends an OCI manifest to who asks for its type alone; docs/decisions/accept.md',
      },
    },
    {
      name: 'accepts what is no type',
      send: get(PULL, ['Accept: ;;;,,,/;q=evil']),
      answer: PULLED,
      source: 'RFC 9110 §12.5.1: a server may disregard Accept',
      peer: {
        status: 404,
        because:
          'docker-registry sends an OCI manifest to who asks for its type alone; docs/decisions/accept.md',
      },
    },
    {
      name: 'accepts compressed bytes only',
      send: get(BLOB_PATH, ['Accept-Encoding: br, *;q=0']),
      answer: accepted(200, { 'content-encoding': /^$/ }, BLOB.bytes),
      source: 'RFC 9110 §8.4.1: the bytes are those of the digest, and encoded they would have another one',
      peer: 'the same',
    },
    {
      name: 'names a thousand tags that it has, the right one last',
      send: get(BLOB_PATH, [`If-None-Match: ${'"evil", '.repeat(1000)}"${BLOB.digest}"`]),
      answer: accepted(304),
      source: CONDITION,
      peer: 'the same',
    },
    {
      name: 'names tags whose quotes never close',
      send: get(BLOB_PATH, [`If-None-Match: "${BLOB.digest}`]),
      answer: accepted(200, {}, BLOB.bytes),
      source: `${CONDITION}: it is no entity tag`,
    },
    {
      name: 'has every tag, of a blob that is not there',
      send: get(`/v2/${REPOSITORY}/blobs/${UNKNOWN}`, ['If-None-Match: *']),
      answer: refused(404, 'BLOB_UNKNOWN'),
      source: 'RFC 9110 §13.2.1: conditions are for what would be a success',
      peer: 'the same',
    },
    {
      name: 'hides a tag inside another one',
      send: get(BLOB_PATH, [`If-None-Match: "evil, ${BLOB.digest}, "`]),
      answer: accepted(200, {}, BLOB.bytes),
      source: `${CONDITION}: commas inside the quotes belong to the tag`,
      peer: 'the same',
    },
    {
      name: 'puts a manifest only where there is none',
      send: request('PUT', `/v2/${SCRATCH}/manifests/v1`, {
        headers: [`Content-Type: ${MANIFEST.mediaType}`, 'If-None-Match: *', 'If-Match: "evil"'],
        body: MANIFEST.bytes,
      }),
      answer: accepted(201, { 'docker-content-digest': new RegExp(IMAGE.root.digest) }),
      source: 'docker-registry: writes have no conditions',
      peer: 'the same',
    },
    {
      name: 'expects what nobody can do',
      send: get('/v2/', ['Expect: evil']),
      answer: accepted(200, {}, '{}'),
      source: 'RFC 9110 §10.1.1: a server MAY answer 417, and need not',
      peer: { status: 417, because: 'RFC 9110 §10.1.1 leaves it to the server' },
    },
  ],
}
