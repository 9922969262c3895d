/**
 * The combined line of web servers, which log analyzers read:
 * `172.18.0.1 - - [07/Nov/2018:17:57:42 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "Mozilla/5.0"`.
 * The version is always HTTP/1.1, for Bun does not tell it. The clock is kept in UTC.
 */
import { escapeControls } from './logrus.ts'
import type { ServedRequest } from './served-request.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** With its end. */
export function formatCombinedLine(request: ServedRequest, now: Date): string {
  const { remoteAddress, user, method, path, status, bytes, referer, userAgent } = request
  const who = `${remoteAddress ?? '-'} - ${column(user ?? '-')} [${timeOf(now)}]`
  const what = `"${column(method)} ${column(path)} HTTP/1.1" ${status} ${bytes ?? '-'}`
  return `${who} ${what} "${quotable(referer ?? '')}" "${quotable(userAgent ?? '')}"\n`
}

/** No quote, no backslash and no control; and no space, by which columns are told apart. */
const SAFE = /^[\x21\x23-\x5b\x5d-\x7e]*$/

/** One column that is not between quotes of its own. */
function column(text: string): string {
  return SAFE.test(text) ? text : quotable(text).replaceAll(' ', '%20')
}

const HARMLESS = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** What stands between quotes: neither a quote nor the end of a line comes from a client. */
function quotable(text: string): string {
  return HARMLESS.test(text) ? text : escapeControls(text.replace(/["\\]/g, '\\$&'))
}

function timeOf(now: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${two(now.getUTCDate())}/${MONTHS[now.getUTCMonth()]}/${now.getUTCFullYear()}`
  return `${date}:${two(now.getUTCHours())}:${two(now.getUTCMinutes())}:${two(now.getUTCSeconds())} +0000`
}
