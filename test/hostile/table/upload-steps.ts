/** The steps of an upload, as rows write them, and what an upload that nothing has happened to looks like. */
import { digestOf } from '../../clients/images.ts'
import { request } from '../requests.ts'
import { type Afterwards, accepted, refused } from '../row.ts'
import { SCRATCH } from '../stock.ts'

export const HELLO = new TextEncoder().encode('hello')
export const HELLO_DIGEST = digestOf(HELLO)
export const BEGIN = `/v2/${SCRATCH}/blobs/uploads/`
export const SESSION = {
  location: /^\/v2\/stock\/app\/blobs\/uploads\/[0-9a-f-]{36}\?_state=1$/,
  range: /^0-0$/,
}
export const UNKNOWN_UPLOAD = refused(404, 'BLOB_UPLOAD_UNKNOWN')

export const look = (path: string) => request('GET', path)
export const put = (path: string, body: string | Uint8Array = '') => request('PUT', path, { body })
export const patch = (path: string, headers: readonly string[] = [], body: string | Uint8Array = HELLO) =>
  request('PATCH', path, { headers, body })

/** The session lives, and has nothing. */
export const STILL_EMPTY: Afterwards = {
  send: ({ path }) => look(path),
  answer: accepted(204, SESSION),
}
