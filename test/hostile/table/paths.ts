/** Addresses that try to leave the registry's own: dots, slashes, escapes, and what other programs make of them. */
import { get, raw, request } from '../requests.ts'
import { accepted, BUN_SAYS_505, byParser, refused, type Theme } from '../row.ts'
import { BLOB, MANIFEST, REPOSITORY } from '../stock.ts'

const DOTS = 'RFC 3986 §5.2.4: dot segments are removed before anything is looked up'
const ONCE = 'RFC 3986 §2.4: an address is decoded once'
const VARIANTS = 'CVE-2020-29662: a variant of a path must not be another route'
const NAME = 'distribution-spec "Pulling manifests": the grammar of <name>'
const REFERENCE = 'distribution-spec "Pulling manifests": a reference is a digest or a tag'
const CLEANED = 'docker-registry redirects to the cleaned path; RFC 9110 §15.4.2 leaves that to the server'

export const paths: Theme = {
  theme: 'a path',
  rows: [
    {
      name: 'climbs out of the root',
      send: get('/v2/../../../../canary'),
      answer: refused(404, 'NOT_FOUND', '/canary'),
      source: DOTS,
      peer: { status: 301, because: CLEANED },
    },
    {
      name: 'climbs out of the root to a system file',
      send: get('/../../../../../../etc/passwd'),
      answer: refused(404, 'NOT_FOUND'),
      source: DOTS,
      peer: { status: 301, because: CLEANED },
    },
    {
      name: 'climbs with encoded dots',
      send: get('/v2/%2e%2e/%2E%2E/canary/manifests/v1'),
      answer: refused(404, 'NOT_FOUND', '/canary/manifests/v1'),
      source: DOTS,
      peer: { status: 301, because: CLEANED },
    },
    {
      name: 'climbs with encoded slashes in the reference',
      send: get(`/v2/${REPOSITORY}/manifests/..%2f..%2f..%2fcanary`),
      answer: refused(404, 'NOT_FOUND'),
      source: 'CVE-2021-41773: an encoded slash is a slash',
    },
    {
      name: 'climbs with encoded slashes in the name',
      send: get('/v2/evil%2f..%2f..%2fcanary/manifests/v1'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
    },
    {
      name: 'climbs with encoded slashes in a digest',
      send: get(`/v2/${REPOSITORY}/blobs/sha256:..%2f..%2f..%2f..%2fcanary`),
      answer: refused(404, 'NOT_FOUND'),
      source: 'CVE-2021-41773: an encoded slash is a slash',
    },
    {
      name: 'is encoded twice in the name',
      send: get('/v2/evil%252f..%252f..%252fcanary/manifests/v1'),
      answer: refused(400, 'NAME_INVALID', '%2f..%2f'),
      source: ONCE,
    },
    {
      name: 'is encoded twice in the tag',
      send: get(`/v2/${REPOSITORY}/manifests/%252e%252e%252fcanary`),
      answer: refused(400, 'TAG_INVALID', '%2e%2e%2fcanary'),
      source: ONCE,
    },
    {
      name: 'writes dots as overlong UTF-8',
      send: get('/v2/%c0%ae%c0%ae/%c0%ae%c0%ae/canary/manifests/v1'),
      answer: refused(400, 'REQUEST_INVALID', 'percent sign'),
      source: 'RFC 3629 §10: overlong forms are not UTF-8 (CVE-2000-0884)',
    },
    {
      name: 'climbs with backslashes',
      send: get('/v2/..\\..\\canary'),
      answer: refused(404, 'NOT_FOUND'),
      source: 'CVE-2021-41277: another separator is no way around the first one',
    },
    {
      name: 'climbs with encoded backslashes',
      send: get('/v2/evil%5c..%5c..%5ccanary/manifests/v1'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: {
        status: 404,
        because:
          'docker-registry has no route for a name outside its grammar; the specification has NAME_INVALID',
      },
    },
    {
      name: 'has a NUL in the name',
      send: get('/v2/stock/app%00.evil/manifests/v1'),
      answer: refused(400, 'NAME_INVALID', '\\u0000'),
      source: `${NAME}; CWE-158`,
      peer: {
        status: 404,
        because:
          'docker-registry has no route for a name outside its grammar; the specification has NAME_INVALID',
      },
    },
    {
      name: 'has a NUL that cuts off what follows a digest',
      send: get(`/v2/${REPOSITORY}/blobs/${BLOB.digest}%00.evil`),
      answer: refused(400, 'DIGEST_INVALID', '\\u0000'),
      source: 'CWE-158; image-spec descriptor.md "Digests"',
      peer: {
        status: 404,
        because:
          'docker-registry has no route for a digest outside its grammar; the specification has DIGEST_INVALID',
      },
    },
    {
      name: 'has a NUL in the tag',
      send: get(`/v2/${REPOSITORY}/manifests/v1%00.evil`),
      answer: refused(400, 'TAG_INVALID', '\\u0000'),
      source: `${REFERENCE}; CWE-158`,
    },
    {
      name: 'has a raw NUL',
      send: raw('GET /v2/stock\0/manifests/v1 HTTP/1.1\r\nHost: a\r\n\r\n'),
      answer: byParser(505),
      source: `${BUN_SAYS_505}: no control belongs to a request line`,
      peer: { status: 400, because: BUN_SAYS_505 },
    },
    {
      name: 'has a raw carriage return',
      send: raw('GET /v2/\r/x HTTP/1.1\r\nHost: a\r\n\r\n'),
      answer: byParser(505),
      source: `${BUN_SAYS_505}: a bare CR is no line end (§2.2)`,
      peer: { status: 400, because: BUN_SAYS_505 },
    },
    {
      name: 'splits the reply with an encoded line end',
      send: get(`/v2/${REPOSITORY}/manifests/v1%0d%0aX-Evil:%20yes%0d%0a%0d%0a<html>`),
      answer: refused(400, 'DIGEST_INVALID', '\\r\\nX-Evil'),
      source: 'CWE-113; RFC 9110 §5.5',
    },
    {
      name: 'has doubled slashes',
      send: get('//v2//stock//app//manifests//v1'),
      answer: accepted(301, { location: /^\/v2\/stock\/app\/manifests\/v1$/ }),
      source: VARIANTS,
      peer: 'the same',
    },
    {
      name: 'begins like the name of another host',
      send: get('//evil.test/v2/'),
      answer: refused(404, 'NOT_FOUND', '//evil.test/v2/'),
      source: 'CWE-601: nobody is sent to evil.test',
      peer: { status: 301, because: CLEANED },
    },
    {
      name: 'ends in one slash more',
      send: get(`/v2/${REPOSITORY}/manifests/v1/`),
      answer: accepted(301, { location: new RegExp(`^/v2/${REPOSITORY}/manifests/v1$`) }),
      source: VARIANTS,
      peer: 'the same',
    },
    {
      name: 'has another case',
      send: get(`/V2/${REPOSITORY}/manifests/v1`),
      answer: refused(404, 'NOT_FOUND'),
      source: 'RFC 9110 §4.2.3: paths are case-sensitive',
      peer: 'the same',
    },
    {
      name: 'has a parameter behind a semicolon',
      send: get('/v2/stock/app;evil=1/manifests/v1'),
      answer: refused(400, 'NAME_INVALID'),
      source: NAME,
      peer: {
        status: 404,
        because:
          'docker-registry has no route for a name outside its grammar; the specification has NAME_INVALID',
      },
    },
    {
      name: 'names the catalog in disguise',
      send: get('/v2/%5fcatalog'),
      answer: accepted(200, {}, /"repositories":\[/),
      source: VARIANTS,
      peer: 'the same',
    },
    {
      name: 'names the catalog with a slash behind it',
      send: get('/v2/_catalog/'),
      answer: accepted(301, { location: /^\/v2\/_catalog$/ }),
      source: VARIANTS,
      peer: 'the same',
    },
    {
      name: 'climbs from the catalog into a repository',
      send: get('/v2/_catalog%2f..%2fstock%2fapp/tags/list'),
      answer: refused(400, 'NAME_INVALID'),
      source: VARIANTS,
    },
    {
      name: 'has a slash encoded between name and reference',
      send: get('/v2/stock%2fapp%2fmanifests%2fv1'),
      answer: accepted(200, { 'docker-content-digest': new RegExp(MANIFEST.digest) }, MANIFEST.bytes),
      source: `${VARIANTS}: it is the same route with the same right`,
    },
    {
      name: 'has a percent sign that encodes nothing',
      send: get('/v2/%zz/manifests/v1'),
      answer: refused(400, 'REQUEST_INVALID', 'percent sign'),
      source: 'RFC 3986 §2.1',
      peer: 'the same',
    },
    {
      name: 'ends in a percent sign',
      send: get('/v2/stock/app/manifests/v1%'),
      answer: refused(400, 'REQUEST_INVALID', 'percent sign'),
      source: 'RFC 3986 §2.1',
      peer: 'the same',
    },
    {
      name: 'has the dots of a parent as its tag',
      send: get(`/v2/${REPOSITORY}/manifests/..`),
      answer: refused(404, 'NOT_FOUND'),
      source: DOTS,
      peer: { status: 301, because: CLEANED },
    },
    {
      name: 'has a fragment',
      send: get(`/v2/${REPOSITORY}/manifests/v1#/../../canary`),
      answer: accepted(200, { 'docker-content-digest': new RegExp(MANIFEST.digest) }, MANIFEST.bytes),
      source: "RFC 9110 §4.2.5: a fragment is the client's own, and dropped",
    },
    {
      name: 'has ten thousand segments',
      send: get(`/v2/${'a/'.repeat(10_000)}manifests/v1`),
      answer: refused(400, 'NAME_INVALID', 'at most 255 characters'),
      source: NAME,
      peer: {
        status: 500,
        because: 'docker-registry fails on a name that is too long; the specification has NAME_INVALID',
      },
    },
    {
      name: 'is longer than all headers may be',
      send: get(`/v2/${'a'.repeat(70_000)}/manifests/v1`),
      answer: byParser(431),
      source: 'RFC 9112 §3: a server may refuse a request line longer than it wants to parse',
    },
    {
      name: 'looks for a file beside the API',
      send: get('/docker/registry/v2/canary'),
      answer: refused(404, 'NOT_FOUND'),
      source: 'distribution-spec "Endpoints": there is no other address',
      peer: 'the same',
    },
    {
      name: "looks for the database of Berth's own folder",
      send: get('/berth/berth.db'),
      answer: refused(404, 'NOT_FOUND'),
      source: 'distribution-spec "Endpoints": there is no other address',
      peer: 'the same',
    },
    {
      name: 'is written to where nothing is',
      send: request('PUT', '/v2/../evil.txt', { body: 'evil' }),
      answer: refused(404, 'NOT_FOUND'),
      source: DOTS,
    },
  ],
}
