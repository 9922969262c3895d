/** The Authorization header (RFC 9110 §11.6.2): its scheme, and what Basic and Bearer carry. Decides nothing. */

export interface PasswordCredentials {
  readonly user: string
  readonly password: string
}

/** Longer than any person's and most machines' (a token may be sent as a password). */
const LONGEST_CREDENTIALS = 32 * 1024

/**
 * User and password of Basic credentials in UTF-8 (RFC 7617); only the first colon divides. Null for another
 * scheme and for what is no such pair: broken Base64, no colon, no name, not UTF-8.
 */
export function parseBasic(header: string): PasswordCredentials | null {
  const encoded = parameterOf(header, 'basic')
  if (encoded === null || encoded.length > LONGEST_CREDENTIALS) return null
  const text = decode(encoded)
  const colon = text?.indexOf(':') ?? -1
  if (text === null || colon < 1) return null
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** The token of Bearer credentials (RFC 6750 §2.1), or null. */
export function parseBearer(header: string): string | null {
  const token = parameterOf(header, 'bearer')
  return token !== null && /^[\w.~+/-]+=*$/.test(token) ? token : null
}

function parameterOf(header: string, scheme: string): string | null {
  const [, given, parameter] = /^([^ ]+) +([^ ]+)$/.exec(header) ?? []
  return given?.toLowerCase() === scheme && parameter !== undefined ? parameter : null
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

function decode(encoded: string): string | null {
  if (!BASE64.test(encoded)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'))
  } catch {
    return null
  }
}
