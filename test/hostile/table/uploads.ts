/** Uploads: chunks in no order, digests of something else, bodies that are not what they seem. */
import { gzipSync } from 'node:zlib'
import { digestOf } from '../../clients/images.ts'
import { chunks, request } from '../requests.ts'
import { type Afterwards, accepted, type Row, refused, type Theme, type Upload } from '../row.ts'
import { REPOSITORY, UNKNOWN } from '../stock.ts'
import {
  BEGIN,
  HELLO,
  HELLO_DIGEST,
  look,
  patch,
  put,
  SESSION,
  STILL_EMPTY,
  UNKNOWN_UPLOAD,
} from './upload-steps.ts'

const CHUNKS = 'distribution-spec "Pushing a blob in chunks"'
const OUT_OF_STEP = refused(416, 'RANGE_INVALID', '', SESSION)
const IGNORED = {
  status: 202,
  because: 'docker-registry 2.8 ignores Content-Range; the specification has 416',
}
const patchRange = (range: string) => (upload: Upload) => patch(upload.path, [`Content-Range: ${range}`])
const GONE: Afterwards = { send: ({ path }) => look(path), answer: UNKNOWN_UPLOAD }

const contentRanges: Row[] = [
  {
    name: 'that begins after its place',
    send: patchRange('5-9'),
    answer: OUT_OF_STEP,
    source: CHUNKS,
    peer: IGNORED,
    after: STILL_EMPTY,
  },
  {
    name: 'that ends before it begins',
    send: patchRange('4-0'),
    answer: OUT_OF_STEP,
    source: CHUNKS,
    after: STILL_EMPTY,
  },
  {
    name: 'with a range of letters',
    send: patchRange('evil'),
    answer: OUT_OF_STEP,
    source: `${CHUNKS}: ^[0-9]+-[0-9]+$`,
    peer: IGNORED,
  },
  {
    name: 'with a negative range',
    send: patchRange('-5-0'),
    answer: OUT_OF_STEP,
    source: `${CHUNKS}: ^[0-9]+-[0-9]+$`,
  },
  {
    name: 'with half a range',
    send: patchRange('0-'),
    answer: OUT_OF_STEP,
    source: `${CHUNKS}: ^[0-9]+-[0-9]+$`,
  },
  {
    name: 'with a range of another unit',
    send: patchRange('lines 0-4/5'),
    answer: OUT_OF_STEP,
    source: 'RFC 9110 §14.4: an unknown unit',
  },
  {
    name: 'with a range beyond its own total',
    send: patchRange('bytes 0-4/3'),
    answer: OUT_OF_STEP,
    source: 'RFC 9110 §14.4: a total not above the last position is invalid',
    after: STILL_EMPTY,
  },
  {
    name: 'that begins where no number reaches',
    send: patchRange(`${'9'.repeat(30)}-${'9'.repeat(30)}`),
    answer: OUT_OF_STEP,
    source: `${CHUNKS}; CWE-190`,
  },
  {
    name: 'whose range is longer than its length',
    send: patchRange('0-99'),
    answer: refused(400, 'SIZE_INVALID', '100 bytes, but Content-Length says 5', SESSION),
    source: `${CHUNKS}; distribution v3 SIZE_INVALID`,
    after: STILL_EMPTY,
  },
  {
    name: 'whose range is longer than what comes in pieces',
    send: ({ path }) => patch(path, ['Content-Range: 0-99', 'Transfer-Encoding: chunked'], chunks('hello')),
    answer: refused(400, 'SIZE_INVALID'),
    source: `${CHUNKS}; distribution v3 SIZE_INVALID`,
  },
  {
    name: 'with two ranges',
    send: ({ path }) => patch(path, ['Content-Range: 0-4', 'Content-Range: 5-9']),
    answer: OUT_OF_STEP,
    source: `${CHUNKS}; RFC 9110 §5.3`,
  },
  {
    name: 'that closes with a range out of its place',
    send: (upload) =>
      request('PUT', upload.with(`digest=${HELLO_DIGEST}`), {
        headers: ['Content-Range: 7-11'],
        body: HELLO,
      }),
    answer: OUT_OF_STEP,
    source: 'distribution-spec, development branch: 416 for the closing PUT too',
    after: STILL_EMPTY,
  },
]

const digests: Row[] = [
  {
    name: 'that is closed without a digest',
    send: ({ path }) => put(path, HELLO),
    answer: refused(400, 'DIGEST_INVALID', 'add ?digest='),
    source: CHUNKS,
    peer: 'the same',
    after: STILL_EMPTY,
  },
  {
    name: 'that is closed with a digest of MD5',
    send: (upload) => put(upload.with('digest=md5:5d41402abc4b2a76b9719d911017c592'), HELLO),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'distribution-spec "Error Codes"',
    peer: 'the same',
    after: STILL_EMPTY,
  },
  {
    name: 'that waits to be told to go on, and is refused',
    send: (upload) =>
      request('PUT', upload.with('digest=evil'), { headers: ['Expect: 100-continue'], body: HELLO }),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'RFC 9110 §10.1.1: 100 may come before a refusal',
    peer: 'the same',
    after: STILL_EMPTY,
  },
  {
    name: 'that is closed with a path for a digest',
    send: (upload) => put(upload.with('digest=sha256:..%2f..%2f..%2fevil'), HELLO),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'image-spec descriptor.md "Digests"',
    peer: 'the same',
    after: STILL_EMPTY,
  },
  {
    name: 'that is closed with a line end in its digest',
    send: (upload) => put(upload.with(`digest=${HELLO_DIGEST}%0d%0aX-Evil:%201`), HELLO),
    answer: refused(400, 'REQUEST_INVALID', 'control character'),
    source: 'CWE-113: the digest stands in a header of the reply',
  },
  {
    name: "that is closed with another content's digest",
    send: (upload) => put(upload.with(`digest=${UNKNOWN}`), HELLO),
    answer: refused(400, 'DIGEST_INVALID', HELLO_DIGEST),
    source: 'docker-registry: and the session is gone',
    peer: 'the same',
    after: GONE,
  },
  {
    name: 'that is closed with the digest of nothing',
    send: (upload) => put(upload.with(`digest=${digestOf(new Uint8Array())}`), HELLO),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'distribution-spec "Error Codes"',
    peer: 'the same',
    after: GONE,
  },
  {
    name: 'that is closed with two digests, the first a lie',
    send: (upload) => put(upload.with(`digest=${UNKNOWN}&digest=${HELLO_DIGEST}`), HELLO),
    answer: refused(400, 'DIGEST_INVALID'),
    source: 'docker-registry: the first counts',
    peer: 'the same',
  },
  {
    name: 'that pretends a SHA-512 to be a SHA-256',
    send: (upload) => put(upload.with(`digest=sha256:${'a'.repeat(128)}`), HELLO),
    answer: refused(400, 'DIGEST_INVALID', '64 lower-case'),
    source: 'image-spec descriptor.md "Digests"',
    peer: 'the same',
  },
  {
    name: 'of SHA-512, which is legal',
    send: (upload) =>
      put(upload.with(`digest=sha512:${new Bun.CryptoHasher('sha512').update(HELLO).digest('hex')}`), HELLO),
    answer: accepted(201, { 'docker-content-digest': /^sha512:9b71d224/ }),
    source: 'image-spec descriptor.md "Digests"',
    peer: 'the same',
  },
  {
    name: 'in one request that is not what its digest says',
    send: request('POST', `${BEGIN}?digest=${UNKNOWN}`, { body: HELLO }),
    answer: refused(400, 'DIGEST_INVALID', HELLO_DIGEST),
    source: 'distribution-spec "Single POST"',
    peer: {
      status: 202,
      because: 'docker-registry opens a session; the specification leaves it to the registry',
    },
  },
  {
    name: 'that begins with an algorithm that nobody knows',
    send: request('POST', `${BEGIN}?digest-algorithm=md5`),
    answer: refused(400, 'DIGEST_INVALID', 'md5'),
    source: 'distribution-spec, development branch: 400 to an algorithm that is not supported',
    peer: { status: 202, because: 'docker-registry does not know the parameter' },
  },
  {
    name: 'that begins with an algorithm that is a path',
    send: request('POST', `${BEGIN}?digest-algorithm=sha256%2f..%2f..%2f..%2fcanary`),
    answer: refused(400, 'DIGEST_INVALID', 'sha256/../../../canary'),
    source: 'distribution-spec, development branch: 400 to an algorithm that is not supported; CWE-22',
    peer: { status: 202, because: 'docker-registry does not know the parameter' },
  },
  {
    name: 'in one request whose digest is a path',
    send: request('POST', `${BEGIN}?digest=sha256:..%2f..%2f..%2fcanary`, { body: HELLO }),
    answer: refused(400, 'DIGEST_INVALID', '../../../canary'),
    source: 'image-spec descriptor.md "Digests"; CWE-22',
    peer: {
      status: 202,
      because: 'docker-registry opens a session; the specification leaves it to the registry',
    },
  },
]

const BOMB = new Uint8Array(gzipSync(new Uint8Array(10 * 1024 * 1024)))
const BOMB_DIGEST = digestOf(BOMB)
const CUT = BOMB.subarray(0, 1000)
const AS_THEY_COME = 'distribution-spec "Pushing blobs": the exact bytes are stored'

const bodies: Row[] = [
  {
    name: 'of a zip bomb, said to be encoded',
    send: (upload) =>
      request('PUT', upload.with(`digest=${BOMB_DIGEST}`), {
        headers: ['Content-Encoding: gzip'],
        body: BOMB,
      }),
    answer: accepted(201, { 'docker-content-digest': new RegExp(BOMB_DIGEST) }),
    source: `${AS_THEY_COME}; CWE-409`,
    peer: 'the same',
    after: {
      send: request('HEAD', `/v2/${REPOSITORY}/blobs/${BOMB_DIGEST}`),
      answer: accepted(200, { 'content-length': new RegExp(`^${BOMB.length}$`) }, ''),
    },
  },
  {
    name: 'of a zip bomb, by the digest of what is in it',
    send: (upload) =>
      request('PUT', upload.with(`digest=${digestOf(new Uint8Array(10 * 1024 * 1024))}`), {
        headers: ['Content-Encoding: gzip'],
        body: BOMB,
      }),
    answer: refused(400, 'DIGEST_INVALID', BOMB_DIGEST),
    source: `${AS_THEY_COME}; CWE-409`,
    peer: 'the same',
  },
  {
    name: 'of half a gzip',
    send: (upload) => put(upload.with(`digest=${digestOf(CUT)}`), CUT),
    answer: accepted(201),
    source: `${AS_THEY_COME}; nothing here unpacks`,
    peer: 'the same',
  },
  {
    name: 'of a page for a browser',
    send: ({ path }) => patch(path, ['Content-Type: text/html'], '<script>alert(1)</script>'),
    answer: accepted(202, { range: /^0-24$/ }),
    source: 'distribution-spec "Pushing blobs": the bytes count, not their type',
    peer: { status: 500, because: 'docker-registry fails on a chunk that is no octet-stream' },
  },
  {
    name: 'of nothing',
    send: ({ path }) => patch(path, [], ''),
    answer: accepted(202, { range: /^0-0$/ }),
    source: 'gitea#34724: 0-0 is an empty upload',
    peer: 'the same',
  },
  {
    name: 'that begins with a body that nobody asked for',
    send: request('POST', BEGIN, { body: 'x'.repeat(100_000) }),
    answer: accepted(202, { range: /^0-0$/ }),
    source: CHUNKS,
    peer: 'the same',
  },
]

export const uploads: readonly Theme[] = [
  { theme: 'a chunk', rows: contentRanges },
  { theme: 'an upload', rows: [...digests, ...bodies] },
]
