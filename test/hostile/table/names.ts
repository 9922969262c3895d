/** Repository names and tags that want to be a folder of the link tree, another name, or a line of the log. */
import { get, request } from '../requests.ts'
import { accepted, refused, type Theme } from '../row.ts'
import { MANIFEST, REPOSITORY } from '../stock.ts'

const NAME = 'distribution-spec "Pulling manifests": the grammar of <name>'
const TAG = 'distribution-spec "Pulling manifests": the grammar of a tag'
const NO_ROUTE =
  'docker-registry has no route for what is outside its grammar; the specification has a code for it'
const differs = { status: 404, because: NO_ROUTE }
const fails = {
  status: 500,
  because: 'docker-registry fails; distribution-spec "Error Codes" has NAME_INVALID',
}
const HEADERS = [`Content-Type: ${MANIFEST.mediaType}`]

const tagsOf = (name: string) => get(`/v2/${encodeURI(name)}/tags/list`)
const pull = (tag: string) => get(`/v2/${REPOSITORY}/manifests/${encodeURIComponent(tag)}`)
const push = (name: string, tag: string) =>
  request('PUT', `/v2/${encodeURI(name)}/manifests/${encodeURIComponent(tag)}`, {
    headers: HEADERS,
    body: MANIFEST.bytes,
  })

export const names: Theme = {
  theme: 'a name',
  rows: [
    {
      name: "is the link tree's folder of uploads",
      send: request('POST', '/v2/stock/app/_uploads/evil/blobs/uploads/'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: "is the link tree's folder of manifests",
      send: push('stock/app/_manifests/revisions', 'v1'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: "is the link tree's folder of layers alone",
      send: tagsOf('_layers'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: 'holds the words of a route',
      send: get('/v2/stock/app/blobs/uploads/manifests/v1'),
      answer: refused(404, 'MANIFEST_UNKNOWN'),
      source: 'docker-registry: `stock/app/blobs/uploads` is a name like any other',
      peer: 'the same',
    },
    {
      name: 'is missing',
      send: get('/v2/manifests/v1'),
      answer: refused(404, 'NOT_FOUND'),
      source: 'distribution-spec "Endpoints"',
      peer: 'the same',
    },
    {
      name: 'is missing before an upload',
      send: request('POST', '/v2/blobs/uploads/'),
      answer: refused(404, 'NOT_FOUND'),
      source: 'distribution-spec "Endpoints"',
      peer: 'the same',
    },
    {
      name: 'has an upper-case letter',
      send: tagsOf('Stock/app'),
      answer: refused(400, 'NAME_INVALID', 'lower-case'),
      source: NAME,
      peer: { status: 404, because: 'docker-registry takes the first part for a host with its port' },
    },
    {
      name: 'has a letter that is not ASCII',
      send: tagsOf('störe/app'),
      answer: refused(400, 'NAME_INVALID', 'störe'),
      source: NAME,
      peer: differs,
    },
    {
      name: 'has a Cyrillic letter that looks Latin',
      send: tagsOf('stock/\u0430pp'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; Unicode TR39 §4`,
      peer: differs,
    },
    {
      name: 'has fullwidth dots and a fullwidth slash',
      send: tagsOf('\uff0e\uff0e\uff0fcanary'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; CVE-2019-9636: what becomes a separator when normalized`,
      peer: differs,
    },
    {
      name: 'has a letter that nobody sees',
      send: tagsOf('stock/a\u200bpp'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: 'turns the direction of what follows',
      send: tagsOf('stock/\u202eppa'),
      answer: refused(400, 'NAME_INVALID'),
      source: 'CVE-2021-42574',
      peer: differs,
    },
    {
      name: 'becomes another one in lower case',
      send: tagsOf('stoc\u212a/app'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; the Kelvin sign is a k in lower case`,
      peer: differs,
    },
    {
      name: 'starts with a dot',
      send: tagsOf('stock/.git'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: 'starts with a dash, as an option does',
      send: tagsOf('--help'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; CWE-88`,
      peer: differs,
    },
    {
      name: 'holds a shell command',
      send: tagsOf('stock/$(touch evil)'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; CWE-78`,
      peer: differs,
    },
    {
      name: 'holds SQL',
      send: tagsOf("stock/app' OR 'a'='a"),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; CVE-2024-22261`,
      peer: differs,
    },
    {
      name: 'holds a pattern',
      send: tagsOf('stock/*'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: differs,
    },
    {
      name: 'holds what a terminal obeys',
      send: tagsOf('stock/\u001b[2J\u0007'),
      answer: refused(400, 'NAME_INVALID', '\\u001b[2J\\u0007'),
      source: `${NAME}; CWE-150`,
      peer: differs,
    },
    {
      name: 'is the prototype of all objects',
      send: tagsOf('__proto__'),
      answer: refused(400, 'NAME_INVALID'),
      source: `${NAME}; CWE-1321`,
      peer: differs,
    },
    {
      name: 'is a property of all objects',
      send: tagsOf('constructor'),
      answer: refused(404, 'NAME_UNKNOWN'),
      source: 'docker-registry; CWE-1321',
      peer: 'the same',
    },
    {
      name: 'has a port, as an image on another host',
      send: tagsOf('evil.test:5000/app'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: fails,
    },
    {
      name: 'has 256 characters',
      send: tagsOf('a'.repeat(256)),
      answer: refused(400, 'NAME_INVALID', 'at most 255 characters; this one has 256'),
      source: 'distribution-spec "Pulling manifests": clients limit names to 255 characters',
      peer: fails,
    },
    {
      name: 'has 60 000 characters, and is shown in part',
      send: tagsOf('a'.repeat(60_000)),
      answer: refused(400, 'NAME_INVALID', 'this one has 60000'),
      source: 'distribution-spec "Pulling manifests"',
      peer: fails,
    },
    {
      name: 'has 255 characters and a tag of 128: both at their limit, and taken',
      send: push('a'.repeat(255), 'b'.repeat(128)),
      answer: refused(400, 'MANIFEST_BLOB_UNKNOWN'),
      source: 'docker-registry; distribution-spec "Pulling manifests"',
      peer: 'the same',
    },
    {
      name: 'tag has 129 characters',
      send: pull('a'.repeat(129)),
      answer: refused(400, 'TAG_INVALID'),
      source: TAG,
      peer: differs,
    },
    {
      name: 'tag starts with a dash',
      send: push(REPOSITORY, '-rf'),
      answer: refused(400, 'TAG_INVALID'),
      source: `${TAG}; CWE-88`,
      peer: differs,
    },
    {
      name: 'tag is three dots',
      send: pull('...'),
      answer: refused(400, 'TAG_INVALID'),
      source: TAG,
      peer: differs,
    },
    {
      name: 'tag is a script for a browser',
      send: pull('<script>alert(1)</script>'),
      answer: refused(404, 'NOT_FOUND', '', { 'content-type': /^application\/json; charset=utf-8$/ }),
      source: 'CWE-79: what is shown again is JSON, and says so',
    },
    {
      name: 'tag is an image for a browser',
      send: pull('<img src=x onerror=alert(1)>'),
      answer: refused(400, 'TAG_INVALID', '', { 'content-type': /^application\/json; charset=utf-8$/ }),
      source: 'CWE-79: what is shown again is JSON, and says so',
      peer: differs,
    },
    {
      name: 'tag has letters that look Latin',
      send: push(REPOSITORY, 'l\u0430test'),
      answer: refused(400, 'TAG_INVALID'),
      source: TAG,
      peer: differs,
    },
    {
      name: 'tag has a letter made of two',
      send: push(REPOSITORY, 'e\u0301vil'),
      answer: refused(400, 'TAG_INVALID'),
      source: TAG,
      peer: differs,
    },
    {
      name: 'tag is the prototype of all objects, which is a tag like any other',
      send: push(REPOSITORY, '__proto__'),
      answer: accepted(201, { 'docker-content-digest': new RegExp(MANIFEST.digest) }),
      source: `docker-registry; ${TAG}`,
      peer: 'the same',
      after: {
        send: request('DELETE', `/v2/${REPOSITORY}/manifests/__proto__`),
        answer: accepted(202),
      },
    },
    {
      name: "tag is the link tree's word for the one that counts",
      send: pull('current'),
      answer: refused(404, 'MANIFEST_UNKNOWN'),
      source: 'docker-registry: `current` is a tag like any other',
      peer: 'the same',
    },
    {
      name: 'tag is a fallback tag of referrers that nobody pushed',
      send: pull(`sha256-${'0'.repeat(64)}`),
      answer: refused(404, 'MANIFEST_UNKNOWN'),
      source: 'distribution-spec "Referrers Tag Schema"',
      peer: 'the same',
    },
  ],
}
