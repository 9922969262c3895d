/**
 * How this protocol asks for a login: 401 with `WWW-Authenticate` and distribution's JSON. A challenge names
 * exactly what the request needs, for clients ask for a token of just that scope; what a mount reads from
 * another repository is named too.
 */
import type { Challenge } from '../../access/authenticate.ts'
import type { Action } from '../../access/authorize.ts'
import { type AccessRecord, formatScope, neededAccess } from '../../access/needed-access.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'

/** RFC 6750 §3.1. Null where nothing was tried, and for passwords. */
export type TokenProblem = 'invalid_token' | 'insufficient_scope' | null

/** 401. It carries the header that must go with it. */
export class LoginRequired extends RegistryError {
  readonly headers: Readonly<Record<string, string>>

  constructor(message: string, needed: readonly AccessRecord[], header: string | null) {
    super('UNAUTHORIZED', message, needed.length === 0 ? null : needed.map(detailOf))
    this.name = 'LoginRequired'
    this.headers = header === null ? {} : { 'www-authenticate': header }
  }
}

export interface LoginRequest {
  readonly challenge: Challenge
  readonly needed: readonly AccessRecord[]
  readonly problem: TokenProblem
  readonly message: string
  /** Where the client reached this registry: `https://registry.example.com`. */
  readonly origin: string
}

export function loginRequired({ challenge, needed, problem, message, origin }: LoginRequest): LoginRequired {
  switch (challenge.kind) {
    case 'none':
      return new LoginRequired(message, needed, null)
    case 'basic':
      return new LoginRequired(message, needed, `Basic realm=${quotedString(challenge.realm)}`)
    case 'bearer':
      return new LoginRequired(message, needed, bearer(challenge, needed, problem, origin))
  }
}

/** What a request needs, for its challenge: what its route says, and to pull from where it mounts. */
export function accessOf(
  action: Action,
  repository: RepositoryName | null,
  request: IncomingRequest,
): readonly AccessRecord[] {
  const needed = neededAccess(action, repository)
  const source = action === 'push' && request.method === 'POST' ? mountSource(request) : null
  return source === null ? needed : [...needed, ...neededAccess('pull', source)]
}

function mountSource({ query }: IncomingRequest): RepositoryName | null {
  const from = query.get('from')
  return from === null ? null : findRepositoryName(from)
}

function bearer(
  { realm, service }: Extract<Challenge, { kind: 'bearer' }>,
  needed: readonly AccessRecord[],
  problem: TokenProblem,
  origin: string,
): string {
  const address = realm.startsWith('/') ? `${origin}${realm}` : realm
  const parameters = [
    ['realm', address],
    ['service', service],
    ...(needed.length === 0 ? [] : [['scope', formatScope(needed)]]),
    ...(problem === null ? [] : [['error', problem]]),
  ]
  return `Bearer ${parameters.map(([name, value = '']) => `${name}=${quotedString(value)}`).join(',')}`
}

/** RFC 9110 §5.6.4. A header holds no control character, and bytes: other letters than Latin ones travel as UTF-8. */
function quotedString(text: string): string {
  const quoted = `"${text.replace(/\p{Cc}/gu, '').replace(/["\\]/g, '\\$&')}"`
  return Buffer.from(quoted).toString('latin1')
}

/** As distribution spells it. */
function detailOf({ type, name, action }: AccessRecord) {
  return { Type: type, Class: '', Name: name, Action: action }
}
