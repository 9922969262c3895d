/** Uploads under addresses that somebody made up: ids of others, paths, states; and mounts from where nothing is. */
import { request } from '../requests.ts'
import { accepted, type Row, refused, type Theme } from '../row.ts'
import { BLOB, REPOSITORY, SCRATCH, SECRET, SECRET_REPOSITORY, UNKNOWN } from '../stock.ts'
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

const ids: Row[] = [
  {
    name: 'whose id is a path',
    send: patch(`/v2/${REPOSITORY}/blobs/uploads/..%2f..%2f..%2fcanary`),
    answer: refused(404, 'NOT_FOUND'),
    source: 'CVE-2021-41773: an encoded slash is a slash',
  },
  {
    name: 'whose id is a path, encoded twice',
    send: patch(`/v2/${REPOSITORY}/blobs/uploads/%252e%252e%252fcanary`),
    answer: UNKNOWN_UPLOAD,
    source: 'distribution-spec "Error Codes"',
  },
  {
    name: 'whose id is its parent',
    send: look(`/v2/${REPOSITORY}/blobs/uploads/%2e%2e`),
    answer: refused(404, 'NOT_FOUND'),
    source: 'RFC 3986 §5.2.4',
  },
  {
    name: 'whose id has a NUL',
    send: look(`/v2/${REPOSITORY}/blobs/uploads/evil%00`),
    answer: UNKNOWN_UPLOAD,
    source: 'CWE-158',
  },
  {
    name: 'whose id is none',
    send: look(`/v2/${REPOSITORY}/blobs/uploads/canary`),
    answer: UNKNOWN_UPLOAD,
    source: 'distribution-spec "Error Codes"',
    peer: { status: 404, because: "docker-registry says BLOB_UPLOAD_INVALID, which is distribution's own" },
  },
  {
    name: 'whose id nobody has',
    send: look(`/v2/${REPOSITORY}/blobs/uploads/00000000-0000-4000-8000-000000000000`),
    answer: UNKNOWN_UPLOAD,
    source: 'distribution-spec "Error Codes"',
  },
  {
    name: 'whose id is in upper case',
    send: ({ id }) => look(`/v2/${REPOSITORY}/blobs/uploads/${id.toUpperCase()}`),
    answer: UNKNOWN_UPLOAD,
    source: 'RFC 9110 §4.2.3: paths are case-sensitive',
    after: STILL_EMPTY,
  },
  {
    name: 'of another repository, to be read',
    send: ({ id }) => look(`/v2/${SCRATCH}/blobs/uploads/${id}`),
    answer: UNKNOWN_UPLOAD,
    source: 'CVE-2026-32589',
    after: STILL_EMPTY,
  },
  {
    name: 'of another repository, to be written',
    send: ({ id }) => patch(`/v2/${SCRATCH}/blobs/uploads/${id}`),
    answer: UNKNOWN_UPLOAD,
    source: 'CVE-2026-32589',
    after: STILL_EMPTY,
  },
  {
    name: 'of another repository, to be closed',
    send: ({ id }) => put(`/v2/${SCRATCH}/blobs/uploads/${id}?digest=${HELLO_DIGEST}`, HELLO),
    answer: UNKNOWN_UPLOAD,
    source: 'CVE-2026-32589',
    after: STILL_EMPTY,
  },
  {
    name: 'of another repository, to be cancelled',
    send: ({ id }) => request('DELETE', `/v2/${SCRATCH}/blobs/uploads/${id}`),
    answer: UNKNOWN_UPLOAD,
    source: 'CVE-2026-32589',
    after: STILL_EMPTY,
  },
  {
    name: 'of a repository that does not exist',
    send: ({ id }) => look(`/v2/stock/nobody/blobs/uploads/${id}`),
    answer: UNKNOWN_UPLOAD,
    source: 'CVE-2026-32589',
  },
  {
    name: 'with a state that somebody forged',
    send: ({ id }) => patch(`/v2/${REPOSITORY}/blobs/uploads/${id}?_state=eyJOYW1lIjoiZXZpbCJ9`),
    answer: accepted(202, { range: /^0-4$/ }),
    source:
      'openSUSE OBS#16186: clients add parameters, so unknown ones are ignored; the row binds the session',
  },
  {
    name: 'whose address goes on behind the id',
    send: ({ id }) => patch(`/v2/${REPOSITORY}/blobs/uploads/${id}/evil`),
    answer: refused(404, 'NOT_FOUND'),
    source: 'distribution-spec "Endpoints"',
    after: STILL_EMPTY,
  },
  {
    name: 'whose address names another host',
    send: ({ path }) => patch(`http://evil.test${path}`),
    answer: accepted(202, { location: SESSION.location, range: /^0-4$/ }),
    source: 'RFC 9112 §3.2.2',
  },
  {
    name: 'whose address has been climbed',
    send: ({ id }) => look(`/v2/${SCRATCH}/../app/blobs/uploads/${id}`),
    answer: accepted(204, SESSION),
    source: 'RFC 3986 §5.2.4: it is the same address',
  },
]

const MOUNT = 'distribution-spec "Mounting a blob from another repository": 202 where it cannot be done'
const mount = (query: string) => request('POST', `${BEGIN}?${query}`)
const NOT_MOUNTED = accepted(202, { range: /^0-0$/, 'docker-content-digest': /^$/ })

const mounts: Row[] = [
  {
    name: 'mounted from a path',
    send: mount(`mount=${SECRET.digest}&from=..%2f..%2fstock%2fsecret`),
    answer: NOT_MOUNTED,
    source: `${MOUNT}; containerd#14086`,
    peer: 'the same',
  },
  {
    name: "mounted from the link tree's own folder",
    send: mount(`mount=${SECRET.digest}&from=stock%2fsecret%2f_layers`),
    answer: NOT_MOUNTED,
    source: MOUNT,
  },
  {
    name: 'mounted from where it is not',
    send: mount(`mount=${SECRET.digest}&from=${REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: `${MOUNT}; CVE-2024-39897`,
    peer: 'the same',
  },
  {
    name: 'mounted from where nothing is',
    send: mount(`mount=${BLOB.digest}&from=stock/nobody`),
    answer: NOT_MOUNTED,
    source: MOUNT,
    peer: 'the same',
  },
  {
    name: 'mounted though nobody has it',
    send: mount(`mount=${UNKNOWN}&from=${REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: MOUNT,
    peer: 'the same',
  },
  {
    name: 'mounted by a digest of MD5',
    send: mount(`mount=md5:5d41402abc4b2a76b9719d911017c592&from=${REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: MOUNT,
  },
  {
    name: 'mounted by a path',
    send: mount(`mount=sha256:..%2f..%2fcanary&from=${REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: MOUNT,
  },
  {
    name: 'mounted by a digest in upper case',
    send: mount(`mount=${BLOB.digest.toUpperCase()}&from=${REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: MOUNT,
  },
  {
    name: 'mounted with a NUL in its source',
    send: mount(`mount=${BLOB.digest}&from=stock%2fapp%00`),
    answer: refused(400, 'REQUEST_INVALID', 'control character'),
    source: 'CWE-158',
  },
  {
    name: 'mounted from two sources, the first a lie',
    send: mount(`mount=${SECRET.digest}&from=stock/nobody&from=${SECRET_REPOSITORY}`),
    answer: NOT_MOUNTED,
    source: 'docker-registry: the first counts',
    peer: 'the same',
  },
  {
    name: 'mounted into a name that is none',
    send: request('POST', `/v2/Evil/blobs/uploads/?mount=${BLOB.digest}&from=${REPOSITORY}`),
    answer: refused(400, 'NAME_INVALID'),
    source: 'distribution-spec "Pulling manifests"',
  },
]

export const uploadAddresses: readonly Theme[] = [
  { theme: 'an upload', rows: ids },
  { theme: 'a blob', rows: mounts },
]
