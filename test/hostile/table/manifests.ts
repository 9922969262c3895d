/** Manifests that lie: about their kind and their size, under names that are not theirs, in the wrong clothes. */
import { gzipSync } from 'node:zlib'
import { DESCRIPTOR_LIMIT, MANIFEST_LIMIT } from '../../../src/oci/manifest.ts'
import { chunks, get, raw, request } from '../requests.ts'
import { type Answer, accepted, type Row, refused, type Theme } from '../row.ts'
import { MANIFEST, SCRATCH, UNKNOWN } from '../stock.ts'
import { base, child, config, INDEX, index, invalid, OCI, push, TAKEN } from './push-manifest.ts'

const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json'
const CONFUSION = 'CVE-2021-41190, GHSA-mc8v-mgrf-8f4m: a manifest is of one kind'
const LARGEST =
  'distribution-spec "Pushing Manifests": 413 above the limit, and 4 MiB at least; CVE-2017-11468'
const TOO_LARGE: Answer = refused(413, 'MANIFEST_INVALID', `at most ${MANIFEST_LIMIT} bytes`)
const TOO_LARGE_THERE = {
  status: 400,
  because: 'docker-registry answers 400 MANIFEST_INVALID; the specification has 413',
}

const large: Row[] = [
  {
    name: 'of 10 MB',
    send: push(`{"x":"${'a'.repeat(10_000_000)}"}`),
    answer: TOO_LARGE,
    source: LARGEST,
    peer: TOO_LARGE_THERE,
  },
  {
    name: 'of 10 MB in pieces of unknown length',
    send: request('PUT', `/v2/${SCRATCH}/manifests/attempt`, {
      headers: ['Transfer-Encoding: chunked', `Content-Type: ${OCI}`],
      body: chunks(...Array.from({ length: 100 }, () => 'a'.repeat(100_000))),
    }),
    answer: TOO_LARGE,
    source: LARGEST,
    peer: TOO_LARGE_THERE,
  },
  {
    name: 'that is a byte too large',
    send: push({
      ...base,
      annotations: {
        a: 'a'.repeat(MANIFEST_LIMIT - JSON.stringify({ ...base, annotations: { a: '' } }).length + 1),
      },
    }),
    answer: TOO_LARGE,
    source: LARGEST,
  },
  {
    name: 'that says it has 5 GB, and has not',
    send: raw(
      `PUT /v2/${SCRATCH}/manifests/attempt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5000000000\r\n\r\n{`,
    ),
    answer: TOO_LARGE,
    source: `${LARGEST}: refused before it is read`,
  },
  {
    name: 'of so many layers',
    send: push({ ...base, layers: Array.from({ length: DESCRIPTOR_LIMIT + 1 }, () => config) }),
    answer: invalid(`${DESCRIPTOR_LIMIT} at most`),
    source: 'CWE-770: each is a row in one transaction',
  },
  {
    name: 'of so many children',
    send: push({ ...index, manifests: Array.from({ length: 20_000 }, () => child) }, INDEX),
    answer: invalid(`${DESCRIPTOR_LIMIT} at most`),
    source: 'CWE-770: each is a row in one transaction',
  },
  {
    name: 'under a hundred and one tags',
    send: push(
      MANIFEST.bytes,
      OCI,
      [],
      `${MANIFEST.digest}?${Array.from({ length: 101 }, (_, at) => `tag=a${at}`).join('&')}`,
    ),
    answer: refused(414, 'TAG_INVALID', 'up to 100'),
    source: 'distribution-spec, development branch, end-7b: 414',
  },
]

const kinds: Row[] = [
  {
    name: 'that is an image and an index',
    send: push({ ...base, manifests: [child] }),
    answer: invalid('one kind of manifest'),
    source: CONFUSION,
    peer: 'the same',
  },
  {
    name: 'that is an index and an image',
    send: push({ ...index, layers: [config] }, INDEX),
    answer: invalid('one kind of manifest'),
    source: CONFUSION,
    peer: 'the same',
  },
  {
    name: 'that is an index with a config that is null',
    send: push({ ...index, config: null }, INDEX),
    answer: invalid('one kind of manifest'),
    source: CONFUSION,
    peer: {
      status: 201,
      because: 'docker-registry 2.8 overlooks null; distribution v3 refuses it, and could not serve it',
    },
  },
  {
    name: 'whose type is not that of its header',
    send: push(base, INDEX),
    answer: invalid('send that Content-Type'),
    source: `${CONFUSION}; image-spec manifest.md "mediaType"`,
    peer: 'the same',
  },
  {
    name: 'whose type is not the Docker one of its header',
    send: push(base, DOCKER),
    answer: invalid('send that Content-Type'),
    source: CONFUSION,
    peer: 'the same',
  },
  {
    name: 'without a type, as another one',
    send: push({ schemaVersion: 2, config, layers: [] }, INDEX),
    answer: invalid('without a mediaType field'),
    source: CONFUSION,
    peer: 'the same',
  },
  {
    name: 'of a type that is none of these',
    send: push({ ...base, mediaType: 'application/evil' }),
    answer: invalid('none that this registry can read'),
    source: 'docker-registry',
    peer: 'the same',
  },
  {
    name: 'of a type with a line end',
    send: push({ ...base, mediaType: `${OCI}\r\nX-Evil: 1` }),
    answer: invalid('none that this registry can read'),
    source: 'CWE-113: it stands in Content-Type',
    peer: 'the same',
  },
  {
    name: 'of schema 1',
    send: push(
      { schemaVersion: 1, name: SCRATCH, tag: 'evil', fsLayers: [] },
      'application/vnd.docker.distribution.manifest.v1+json',
    ),
    answer: invalid('schema version 1'),
    source: 'image-spec manifest.md "schemaVersion"; podman tries another format at MANIFEST_INVALID',
    peer: 'the same',
  },
  {
    name: 'of a version to come',
    send: push({ ...base, schemaVersion: 3 }),
    answer: invalid('schemaVersion'),
    source: 'image-spec manifest.md "schemaVersion"',
    peer: { status: 500, because: 'docker-registry fails on it; the specification has MANIFEST_INVALID' },
  },
  {
    name: 'whose version is a text',
    send: push({ ...base, schemaVersion: '2' }),
    answer: invalid('the number 2'),
    source: 'image-spec manifest.md "schemaVersion"',
    peer: 'the same',
  },
  {
    name: 'with a page as its header says',
    send: push(base, 'text/html'),
    answer: invalid('send that Content-Type'),
    source: CONFUSION,
  },
  {
    name: 'with a header that says no type',
    send: push(base, 'evil'),
    answer: invalid('"evil" is not a media type'),
    source: 'RFC 9110 §8.3',
  },
  {
    name: 'with a header that says every type',
    send: push(base, '*/*'),
    answer: invalid('is not a media type'),
    source: 'RFC 9110 §8.3',
  },
  {
    name: 'with two headers of its type',
    send: push(base, OCI, [`Content-Type: ${INDEX}`]),
    answer: invalid(''),
    source: 'RFC 9110 §5.3, §8.3',
  },
  {
    name: 'whose header has a character set, which means nothing',
    send: push(base, `${OCI}; charset=utf-7`),
    answer: TAKEN,
    source: 'RFC 8259 §11: JSON has no charset',
    peer: 'the same',
  },
  {
    name: 'without a header, which says it itself',
    send: push(base, null),
    answer: TAKEN,
    source: 'image-spec manifest.md "mediaType"',
    peer: {
      status: 400,
      because: 'docker-registry takes it for schema 1; docs/decisions/manifest-reading.md',
    },
  },
]

const references: Row[] = [
  {
    name: "under another manifest's digest",
    send: push(base, OCI, [], UNKNOWN),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'distribution-spec "Pushing Manifests"',
    peer: 'the same',
  },
  {
    name: 'under its digest and a tag that is a path',
    send: push(MANIFEST.bytes, OCI, [], `${MANIFEST.digest}?tag=..%2f..%2fevil`),
    answer: refused(400, 'TAG_INVALID'),
    source: 'distribution-spec "Pulling manifests"',
    peer: { status: 201, because: 'docker-registry does not know the parameter' },
  },
  {
    name: 'under its digest and a tag that splits a line',
    send: push(MANIFEST.bytes, OCI, [], `${MANIFEST.digest}?tag=a%0d%0aX-Evil:%201`),
    answer: refused(400, 'REQUEST_INVALID', 'control character'),
    source: 'CWE-113: the tag stands in OCI-Tag',
  },
  {
    name: 'in a repository that is a path',
    send: request('PUT', '/v2/..%2f..%2fevil/manifests/v1', {
      headers: [`Content-Type: ${OCI}`],
      body: JSON.stringify(base),
    }),
    answer: refused(400, 'NAME_INVALID', '../../evil'),
    source: 'CVE-2021-41773: an encoded slash is a slash',
  },
]

const BOMB = gzipSync(Buffer.from(`${JSON.stringify(base).slice(0, -1)},"x":"${'a'.repeat(10_000_000)}"}`))

const encodings: Row[] = [
  {
    name: 'in gzip, said to be so',
    send: push(new Uint8Array(gzipSync(JSON.stringify(base))), OCI, ['Content-Encoding: gzip']),
    answer: invalid('UTF-8'),
    source:
      'distribution-spec "Pushing Manifests": the exact bytes are stored, or refused; nothing is unpacked',
  },
  {
    name: 'that is a zip bomb',
    send: push(new Uint8Array(BOMB), OCI, ['Content-Encoding: gzip']),
    answer: invalid('UTF-8'),
    source: 'CWE-409; CVE-2017-11468',
  },
  {
    name: 'in half a gzip',
    send: push(new Uint8Array(BOMB.subarray(0, 100)), OCI, ['Content-Encoding: gzip']),
    answer: invalid('UTF-8'),
    source: 'CWE-409',
  },
  {
    name: 'said to be in gzip, and is not',
    send: push(base, OCI, ['Content-Encoding: gzip']),
    answer: TAKEN,
    source: 'distribution-spec "Pushing blobs": the exact bytes are stored',
    peer: 'the same',
    after: {
      send: get(`/v2/${SCRATCH}/manifests/attempt`, [`Accept: ${OCI}`]),
      answer: accepted(200, { 'content-encoding': /^$/ }, JSON.stringify(base)),
    },
  },
]

export const manifests: Theme = {
  theme: 'a manifest',
  rows: [...large, ...kinds, ...references, ...encodings],
}
