/** Digests that are none, are of another algorithm, or look like the right one. */
import { get, request } from '../requests.ts'
import { accepted, type Row, refused, type Theme } from '../row.ts'
import { BLOB, MANIFEST, REPOSITORY, UNKNOWN } from '../stock.ts'

const GRAMMAR = 'image-spec descriptor.md "Digests"'
const UNSUPPORTED =
  'distribution-spec "Error Codes": DIGEST_INVALID; image-spec registers sha256 and sha512 alone'
const HEX = BLOB.digest.slice('sha256:'.length)
const NO_ROUTE =
  'docker-registry has no route for what is outside its grammar; the specification has DIGEST_INVALID'

const blob = (digest: string) => get(`/v2/${REPOSITORY}/blobs/${digest}`)
const invalid = (says = '') => refused(400, 'DIGEST_INVALID', says)

const rows: Row[] = [
  {
    name: 'of MD5',
    send: blob('md5:d41d8cd98f00b204e9800998ecf8427e'),
    answer: invalid('write sha256: or sha512:'),
    source: UNSUPPORTED,
    peer: 'the same',
  },
  {
    name: 'of SHA-1',
    send: blob('sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709'),
    answer: invalid(),
    source: UNSUPPORTED,
    peer: 'the same',
  },
  {
    name: 'of SHA-384, which is nearly registered',
    send: blob(`sha384:${'0'.repeat(96)}`),
    answer: invalid(),
    source: UNSUPPORTED,
    peer: { status: 404, because: 'go-digest knows sha384; image-spec registers sha256 and sha512 alone' },
  },
  {
    name: 'of SHA-512 that nobody has',
    send: blob(`sha512:${'0'.repeat(128)}`),
    answer: refused(404, 'BLOB_UNKNOWN'),
    source: `${GRAMMAR}: sha512 is registered`,
    peer: 'the same',
  },
  {
    name: 'of an algorithm in several parts',
    send: blob(`multihash+base58:${'0'.repeat(46)}`),
    answer: invalid(),
    source: UNSUPPORTED,
    peer: 'the same',
  },
  {
    name: 'of the prototype of all objects',
    send: blob(`__proto__:${HEX}`),
    answer: invalid(),
    source: `${GRAMMAR}; CWE-1321`,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'of a property of all objects',
    send: blob(`constructor:${HEX}`),
    answer: invalid(),
    source: `${GRAMMAR}; CWE-1321`,
    peer: 'the same',
  },
  {
    name: 'in upper case',
    send: blob(`sha256:${HEX.toUpperCase()}`),
    answer: invalid('lower-case'),
    source: `${GRAMMAR}: sha256 MUST match [a-f0-9]{64}`,
    peer: 'the same',
  },
  {
    name: 'whose algorithm is in upper case',
    send: blob(`SHA256:${HEX}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'with a digit less',
    send: blob(`sha256:${HEX.slice(1)}`),
    answer: invalid('64 lower-case hexadecimal digits'),
    source: GRAMMAR,
    peer: 'the same',
  },
  {
    name: 'with a digit more',
    send: blob(`sha256:${HEX}0`),
    answer: invalid(),
    source: GRAMMAR,
    peer: 'the same',
  },
  {
    name: 'with a line end, which some patterns overlook',
    send: blob(`sha256:${HEX}%0a`),
    answer: invalid('\\n'),
    source: `${GRAMMAR}; CWE-777`,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'with a space before it',
    send: blob(`%20sha256:${HEX}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'with digits of another script',
    send: blob(encodeURI(`sha256:${'\uff10'.repeat(64)}`)),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'of letters that are no digits',
    send: blob(`sha256:${'g'.repeat(64)}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: 'the same',
  },
  {
    name: 'without digits',
    send: blob('sha256:'),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'without an algorithm',
    send: blob(`:${HEX}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'without a colon',
    send: blob(`sha256${HEX}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'with its algorithm twice',
    send: blob(`sha256:sha256:${HEX}`),
    answer: invalid(),
    source: GRAMMAR,
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'whose colon is encoded, which is the same digest',
    send: blob(`sha256%3A${HEX}`),
    answer: accepted(200, { 'docker-content-digest': new RegExp(BLOB.digest) }, BLOB.bytes),
    source: 'RFC 3986 §6.2.2.2',
    peer: 'the same',
  },
  {
    name: 'of a manifest, asked for as a blob of another repository',
    send: get(`/v2/stock/nobody/blobs/${MANIFEST.digest}`),
    answer: refused(404, 'BLOB_UNKNOWN'),
    source: 'CVE-2024-39897: a blob is read only through a repository that links it',
    peer: 'the same',
  },
  {
    name: 'of a blob, asked for as a manifest',
    send: get(`/v2/${REPOSITORY}/manifests/${BLOB.digest}`),
    answer: refused(404, 'MANIFEST_UNKNOWN'),
    source: 'distribution-spec "Pulling manifests"',
    peer: {
      status: 500,
      because: 'docker-registry fails to read the blob as JSON; the specification has 404',
    },
  },
  {
    name: 'that is none, in a delete of a blob',
    send: request('DELETE', `/v2/${REPOSITORY}/blobs/v1`),
    answer: invalid(),
    source: 'distribution-spec "Deleting Blobs"',
    peer: { status: 404, because: NO_ROUTE },
  },
  {
    name: 'that nobody has, in a delete of a blob',
    send: request('DELETE', `/v2/${REPOSITORY}/blobs/${UNKNOWN}`),
    answer: refused(404, 'BLOB_UNKNOWN'),
    source: 'distribution-spec "Deleting Blobs"',
    peer: 'the same',
  },
  {
    name: 'that nobody has, in a delete of a manifest',
    send: request('DELETE', `/v2/${REPOSITORY}/manifests/${UNKNOWN}`),
    answer: refused(404, 'MANIFEST_UNKNOWN'),
    source: 'distribution-spec "Deleting Manifests"',
    peer: 'the same',
  },
  {
    name: 'that is none, in a question for referrers',
    send: get(`/v2/${REPOSITORY}/referrers/v1`),
    answer: invalid(),
    source: 'distribution-spec "Listing Referrers": 400 to what is no digest',
    peer: { status: 404, because: 'docker-registry has no referrers' },
  },
  {
    name: 'that nobody has, in a question for referrers',
    send: get(`/v2/${REPOSITORY}/referrers/${UNKNOWN}`),
    answer: accepted(
      200,
      { 'content-type': /^application\/vnd\.oci\.image\.index\.v1\+json$/ },
      /"manifests":\[\]/,
    ),
    source: 'distribution-spec "Listing Referrers": never 404',
    peer: { status: 404, because: 'docker-registry has no referrers' },
  },
]

export const digests: Theme = { theme: 'a digest', rows }
