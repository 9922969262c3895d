/** Range headers that ask for too much, for nothing, or in no language at all. */
import { get, request } from '../requests.ts'
import { accepted, refused, type Theme } from '../row.ts'
import { BLOB, MANIFEST, REPOSITORY } from '../stock.ts'

const PATH = `/v2/${REPOSITORY}/blobs/${BLOB.digest}`
const SIZE = BLOB.bytes.length
const WHOLE = accepted(200, { 'content-length': new RegExp(`^${SIZE}$`), 'content-range': /^$/ }, BLOB.bytes)
const NOTHING = refused(416, 'RANGE_INVALID', `${SIZE} bytes`, {
  'content-range': new RegExp(`^bytes \\*/${SIZE}$`),
})
const IGNORED = 'RFC 9110 §14.2: a Range that cannot be understood is ignored'
const EXPENSIVE = 'RFC 9110 §17.15, CVE-2011-3192: many or overlapping ranges may be ignored'
const GO_REFUSES = {
  status: 416,
  because: "Go's server refuses it; RFC 9110 §14.2 lets an invalid Range be ignored",
}

const ranged = (range: string) => get(PATH, [`Range: ${range}`])
const part = (first: number, last: number) =>
  accepted(
    206,
    { 'content-range': new RegExp(`^bytes ${first}-${last}/${SIZE}$`) },
    BLOB.bytes.subarray(first, last + 1),
  )

export const ranges: Theme = {
  theme: 'a range',
  rows: [
    {
      name: 'of nothing at the end',
      send: ranged('bytes=-0'),
      answer: NOTHING,
      source: 'RFC 9110 §14.1.2',
      peer: {
        status: 206,
        because: "Go's server of that time sends an empty part; RFC 9110 §14.1.2 says unsatisfiable",
      },
    },
    {
      name: 'behind the end',
      send: ranged(`bytes=${SIZE}-`),
      answer: NOTHING,
      source: 'RFC 9110 §14.1.2',
      peer: 'the same',
    },
    {
      name: 'that ends before it begins',
      send: ranged('bytes=500-0'),
      answer: NOTHING,
      source: 'docker-registry',
      peer: 'the same',
    },
    {
      name: 'that begins where no number reaches',
      send: ranged(`bytes=${'9'.repeat(400)}-`),
      answer: NOTHING,
      source: 'RFC 9110 §14.1.2; CWE-190',
      peer: 'the same',
    },
    {
      name: 'that ends where no number reaches',
      send: ranged(`bytes=10-${'9'.repeat(30)}`),
      answer: part(10, SIZE - 1),
      source: 'RFC 9110 §14.1.2: it is cut to the end',
      peer: GO_REFUSES,
    },
    {
      name: 'of more at the end than there is',
      send: ranged(`bytes=-${'9'.repeat(15)}`),
      answer: part(0, SIZE - 1),
      source: 'RFC 9110 §14.1.2: then it is the whole',
      peer: 'the same',
    },
    { name: 'without numbers', send: ranged('bytes=-'), answer: WHOLE, source: IGNORED, peer: GO_REFUSES },
    { name: 'without anything', send: ranged('bytes='), answer: WHOLE, source: IGNORED, peer: 'the same' },
    { name: 'of letters', send: ranged('bytes=a-b'), answer: WHOLE, source: IGNORED, peer: GO_REFUSES },
    {
      name: 'of hexadecimal numbers',
      send: ranged('bytes=0x0-0xf'),
      answer: WHOLE,
      source: IGNORED,
      peer: GO_REFUSES,
    },
    { name: 'with signs', send: ranged('bytes=+1-+2'), answer: WHOLE, source: IGNORED },
    {
      name: 'with fractions',
      send: ranged('bytes=0.5-1.5'),
      answer: WHOLE,
      source: IGNORED,
      peer: GO_REFUSES,
    },
    {
      name: 'with a negative beginning',
      send: ranged('bytes=-5-10'),
      answer: WHOLE,
      source: IGNORED,
      peer: GO_REFUSES,
    },
    {
      name: 'in lines',
      send: ranged('lines=0-1'),
      answer: WHOLE,
      source: 'RFC 9110 §14.1: an unknown unit is ignored',
      peer: GO_REFUSES,
    },
    {
      name: 'with something behind it',
      send: ranged('bytes=0-1;evil=1'),
      answer: WHOLE,
      source: IGNORED,
      peer: GO_REFUSES,
    },
    {
      name: 'of which one is no range',
      send: ranged('bytes=0-1,evil,4-5'),
      answer: WHOLE,
      source: IGNORED,
      peer: GO_REFUSES,
    },
    {
      name: 'of a thousand bytes far apart',
      send: ranged(`bytes=${Array.from({ length: 1000 }, (_, at) => `${at * 4}-${at * 4}`).join(',')}`),
      answer: accepted(
        206,
        { 'content-type': /^multipart\/byteranges; boundary=/ },
        /Content-Range: bytes 3996-3996\/4096/,
      ),
      source: 'podman asks for so many in a partial pull; RFC 9110 §14.6',
      peer: 'the same',
    },
    {
      name: 'of five thousand parts',
      send: ranged(`bytes=${Array.from({ length: 5000 }, (_, at) => `${at % SIZE}-`).join(',')}`),
      answer: WHOLE,
      source: EXPENSIVE,
      peer: 'the same',
    },
    {
      name: 'of the whole, five hundred times',
      send: ranged(`bytes=${Array.from({ length: 500 }, () => '0-').join(',')}`),
      answer: WHOLE,
      source: EXPENSIVE,
      peer: 'the same',
    },
    {
      name: 'of parts that overlap to more than the whole',
      send: ranged(`bytes=0-${SIZE - 2},1-${SIZE - 1}`),
      answer: WHOLE,
      source: EXPENSIVE,
      peer: 'the same',
    },
    {
      name: 'in two headers',
      send: get(PATH, ['Range: bytes=0-0', 'Range: bytes=1-1']),
      answer: WHOLE,
      source: 'RFC 9110 §5.3: two lines are one list, and this one is none',
    },
    {
      name: 'of a manifest, which has none',
      send: get(`/v2/${REPOSITORY}/manifests/v1`, ['Range: bytes=0-0', `Accept: ${MANIFEST.mediaType}`]),
      answer: accepted(200, {}, MANIFEST.bytes),
      source: 'RFC 9110 §14.2: a server MAY ignore Range',
      peer: 'the same',
    },
    {
      name: 'of what HEAD would send',
      send: request('HEAD', PATH, { headers: ['Range: bytes=0-0'] }),
      answer: accepted(200, { 'content-length': new RegExp(`^${SIZE}$`) }, ''),
      source: 'RFC 9110 §14.2: Range is defined for GET alone',
      peer: { status: 206, because: "Go's server heeds Range on HEAD; RFC 9110 §14.2 says MUST ignore" },
    },
    {
      name: 'if it is another blob',
      send: get(PATH, ['Range: bytes=0-0', 'If-Range: "evil"']),
      answer: WHOLE,
      source: 'RFC 9110 §13.1.5',
      peer: 'the same',
    },
    {
      name: 'if it is weakly the same',
      send: get(PATH, ['Range: bytes=0-0', `If-Range: W/"${BLOB.digest}"`]),
      answer: WHOLE,
      source: 'RFC 9110 §13.1.5: a weak tag never matches here',
      peer: 'the same',
    },
  ],
}
