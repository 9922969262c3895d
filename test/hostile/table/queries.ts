/** Queries of lists: numbers that are none or too large, places in a list that nobody was given. */
import { get } from '../requests.ts'
import { accepted, type Row, refused, type Theme } from '../row.ts'
import { MANIFEST, REPOSITORY, TAGS } from '../stock.ts'

const LISTING = 'distribution-spec "Listing Tags"'
const PATH = `/v2/${REPOSITORY}/tags/list`
const ALL = accepted(200, { link: /^$/ }, `${JSON.stringify({ name: REPOSITORY, tags: TAGS })}\n`)
const NONE = accepted(200, { link: /^$/ }, `${JSON.stringify({ name: REPOSITORY, tags: [] })}\n`)
const FIRST_TAG = accepted(
  200,
  { link: new RegExp(`^</v2/${REPOSITORY}/tags/list\\?last=v1&n=1>; rel="next"$`) },
  `${JSON.stringify({ name: REPOSITORY, tags: TAGS.slice(0, 1) })}\n`,
)
const BAD_NUMBER = refused(400, 'PAGINATION_NUMBER_INVALID', 'whole number')
const NUMBER = 'distribution v3: PAGINATION_NUMBER_INVALID'
const CONTROLS = refused(400, 'REQUEST_INVALID', 'control character')
const UNPAGED = { status: 200, because: 'docker-registry 2.8 does not page tags; distribution v3 refuses it' }

const tags = (query: string) => get(`${PATH}?${query}`)
const catalog = (query: string) => get(`/v2/_catalog?${query}`)
const referrers = (query: string) => get(`/v2/${REPOSITORY}/referrers/${MANIFEST.digest}?${query}`)
const REFERRERS = accepted(200, {}, /"artifactType":"application\/vnd\.example\.note"/)

const OWN_PLACE =
  'distribution-spec "Listing Referrers": pages are the registry\'s own; such a place is the beginning'
const CATALOG = /"repositories":\[.*"stock\/app"/
const CANARY = '..%2f..%2f..%2f..%2fcanary'
const AS_A_NAME = `${LISTING}: last is compared with names, and never opened (CWE-22)`
const NO_REFERRERS = { status: 404, because: 'docker-registry has no referrers' }

/** The parameters that are no grammar's, each with a path; for the others see uploads, upload addresses and manifests. */
const traversals: Row[] = [
  {
    name: 'for as many tags as a path',
    send: tags(`n=${CANARY}`),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: UNPAGED,
  },
  {
    name: 'for tags after a path',
    send: tags(`last=${CANARY}`),
    answer: ALL,
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for a page of tags after a path, which is in no Link',
    send: tags(`n=1&last=${CANARY}`),
    answer: FIRST_TAG,
    source: AS_A_NAME,
  },
  {
    name: 'for tags after a path from the root',
    send: tags('last=%2fetc%2fpasswd'),
    answer: ALL,
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for tags after a path with backslashes',
    send: tags('last=..%5c..%5c..%5ccanary'),
    answer: ALL,
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for repositories after a path',
    send: catalog(`last=${CANARY}`),
    answer: accepted(200, {}, CATALOG),
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for repositories after a path that is not encoded',
    send: catalog('last=../../../../canary'),
    answer: accepted(200, {}, CATALOG),
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for repositories after a path that begins with a name',
    send: catalog('last=stock%2f..%2f..%2f..%2fcanary'),
    answer: accepted(200, {}, CATALOG),
    source: `${AS_A_NAME}: it stands before stock/app`,
    peer: 'the same',
  },
  {
    name: 'for repositories after a path from the root',
    send: catalog('last=%2fetc%2fpasswd'),
    answer: accepted(200, {}, CATALOG),
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for a page of repositories after a path, which is in no Link',
    send: catalog(`n=1&last=${CANARY}`),
    answer: accepted(
      200,
      { link: /^<\/v2\/_catalog\?last=[a-z]+%2F[a-z]+&n=1>; rel="next"$/ },
      /^\{"repositories":\["[a-z]+\/[a-z]+"\]\}\n$/,
    ),
    source: AS_A_NAME,
    peer: 'the same',
  },
  {
    name: 'for referrers of a type that is a path',
    send: referrers(`artifactType=${CANARY}`),
    answer: accepted(200, { 'oci-filters-applied': /^artifactType$/ }, /"manifests":\[\]/),
    source: 'distribution-spec "Listing Referrers"; CWE-22',
    peer: NO_REFERRERS,
  },
  {
    name: 'for referrers after a type that is a path',
    send: referrers(`last=${CANARY},sha256:${'0'.repeat(64)}`),
    answer: REFERRERS,
    source: `${OWN_PLACE}; it stands before every type`,
    peer: NO_REFERRERS,
  },
  {
    name: 'for referrers after a digest that is a path',
    send: referrers(`last=application%2fvnd.example.note,sha256:${CANARY}`),
    answer: REFERRERS,
    source: OWN_PLACE,
    peer: NO_REFERRERS,
  },
]

const lists: Row[] = [
  { name: 'for a negative number', send: tags('n=-1'), answer: BAD_NUMBER, source: NUMBER, peer: UNPAGED },
  { name: 'for a fraction', send: tags('n=1.5'), answer: BAD_NUMBER, source: NUMBER, peer: UNPAGED },
  {
    name: 'for a hexadecimal number',
    send: tags('n=0x10'),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: UNPAGED,
  },
  {
    name: 'for a number in powers',
    send: tags('n=1e3'),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: UNPAGED,
  },
  { name: 'for no number', send: tags('n=NaN'), answer: BAD_NUMBER, source: NUMBER, peer: UNPAGED },
  { name: 'for nothing', send: tags('n='), answer: BAD_NUMBER, source: NUMBER, peer: UNPAGED },
  {
    name: 'for a number with a sign, which is a space',
    send: tags('n=+5'),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: UNPAGED,
  },
  {
    name: 'for a number in another script',
    send: tags('n=%EF%BC%95'),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: UNPAGED,
  },
  {
    name: 'for a number with SQL',
    send: tags('n=1;DROP%20TABLE%20tags'),
    answer: BAD_NUMBER,
    source: `${NUMBER}; CWE-89`,
  },
  { name: 'for a number with a NUL', send: tags('n=1%00'), answer: CONTROLS, source: 'CWE-158' },
  {
    name: 'for more than anybody has',
    send: tags(`n=${'9'.repeat(400)}`),
    answer: ALL,
    source: 'CVE-2023-2253: cut down before anything is made for it',
    peer: 'the same',
  },
  {
    name: 'for a billion repositories',
    send: catalog('n=1000000000'),
    answer: accepted(200, {}, /"repositories":\[/),
    source: 'CVE-2023-2253',
    peer: {
      status: 400,
      because:
        'docker-registry refuses more than its limit; distribution-spec "Listing Tags": fewer may be given',
    },
  },
  {
    name: 'for a negative number of repositories',
    send: catalog('n=-5'),
    answer: BAD_NUMBER,
    source: NUMBER,
    peer: { status: 200, because: 'docker-registry 2.8 ignores it; distribution v3 refuses it' },
  },
  {
    name: 'for none',
    send: tags('n=0'),
    answer: NONE,
    source: `${LISTING}: an empty list, and no Link`,
  },
  {
    name: 'with two numbers, of which the first counts',
    send: catalog('n=0&n=1000000000'),
    answer: accepted(200, { link: /^$/ }, '{"repositories":[]}\n'),
    source: 'docker-registry: as Go reads a query, and it refuses the second one alone',
    peer: 'the same',
  },
  {
    name: 'for a list of numbers',
    send: tags('n[]=0&N=0'),
    answer: ALL,
    source: 'openSUSE OBS#16186: clients add parameters, so unknown ones are ignored',
    peer: 'the same',
  },
  {
    name: 'for what comes after SQL',
    send: tags("last=v1'%20OR%20'1'%3D'1"),
    answer: accepted(200, {}, /"tags":\["v2","v3"\]/),
    source: `${LISTING}; CVE-2019-19026: it is a name between v1 and v2`,
  },
  {
    name: 'for what comes after a pattern',
    send: tags('last=%25'),
    answer: ALL,
    source: `${LISTING}: % is a character`,
    peer: 'the same',
  },
  {
    name: 'for what comes after a line end',
    send: tags('n=1&last=v1%0d%0aX-Evil:%201'),
    answer: CONTROLS,
    source: 'CWE-113',
  },
  {
    name: 'for what comes after 8 000 characters',
    send: tags(`last=${'w'.repeat(8000)}`),
    answer: NONE,
    source: LISTING,
  },
  {
    name: 'for what comes after bytes that are no text',
    send: tags('last=%ff%fe'),
    answer: NONE,
    source: `${LISTING}: they stand behind every tag`,
  },
  {
    name: 'for what comes after half a character',
    send: tags('last=%ed%a0%80'),
    answer: NONE,
    source: LISTING,
  },
  {
    name: 'for what comes after another script',
    send: tags('last=%F0%9F%98%80'),
    answer: NONE,
    source: LISTING,
  },
  {
    name: 'whose next page would split a header',
    send: tags('n=1&last=%22%3E%3B%20rel%3D%22evil'),
    answer: FIRST_TAG,
    source: `${LISTING}: Link names the last of the page, not what was asked`,
  },
  {
    name: 'with the prototype of all objects',
    send: tags('__proto__=1&constructor=2&toString=3'),
    answer: ALL,
    source: 'CWE-1321',
    peer: 'the same',
  },
  {
    name: 'of nine thousand parameters',
    send: tags(Array.from({ length: 9000 }, (_, at) => `a${at}`).join('&')),
    answer: ALL,
    source: 'CVE-2011-4885: names that collide cost nothing',
    peer: 'the same',
  },
  {
    name: 'with escapes that are none',
    send: tags('last=%zz%'),
    answer: ALL,
    source: 'WHATWG URL "application/x-www-form-urlencoded": taken as it stands',
  },
  {
    name: 'for another registry, which would be asked',
    send: tags('ns=169.254.169.254'),
    answer: ALL,
    source: 'containerd adds ns to every request of a mirror: never an address to call (CWE-918)',
    peer: 'the same',
  },
  {
    name: 'for referrers of a type that splits a line',
    send: referrers('artifactType=a%2Fb%0d%0aX-Evil:%201'),
    answer: CONTROLS,
    source: 'CWE-113',
  },
  {
    name: 'for referrers of a type that is SQL',
    send: referrers("artifactType='%20OR%201%3D1%20--"),
    answer: accepted(200, { 'oci-filters-applied': /^artifactType$/ }, /"manifests":\[\]/),
    source: 'distribution-spec "Listing Referrers"; CWE-89',
  },
  {
    name: 'for referrers after a place that is none',
    send: referrers('last=,'),
    answer: REFERRERS,
    source: OWN_PLACE,
  },
  {
    name: 'for referrers after a path',
    send: referrers('last=tag,../../canary'),
    answer: REFERRERS,
    source: OWN_PLACE,
  },
  {
    name: 'for referrers after every type',
    send: referrers(`last=z,sha256:${'f'.repeat(64)}`),
    answer: accepted(200, {}, /"manifests":\[\]/),
    source: 'distribution-spec "Listing Referrers"',
  },
]

export const queries: Theme = { theme: 'a query', rows: [...lists, ...traversals] }
