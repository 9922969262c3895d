/**
 * Ways in: from what a request carries to a Principal. Each way is an Authenticator; which one a registry has
 * is decided where it is put together. What the principal may do is authorize.ts's, and how a client is told to
 * log in is each protocol's own.
 *
 * Invariant: who is not let in is either ANONYMOUS (nothing was tried) or an error, never somebody else.
 */
import { ANONYMOUS, EVERYBODY, type Principal } from './principal.ts'

/** What a way in may look at. */
export interface Asked {
  header(name: string): string | null
  /** Null on a Unix socket, and once the client is gone. */
  readonly remoteAddress: string | null
}

export interface Authenticator {
  readonly challenge: Challenge
  /**
   * Who is asking. Without a promise where that is known already, for most requests are such.
   * Throws LoginRefused; RegistryError UNAVAILABLE and TOOMANYREQUESTS where it cannot be found out now.
   */
  authenticate(asked: Asked): Principal | Promise<Principal>
}

/** How clients are asked to log in. */
export type Challenge =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly realm: string }
  | {
      readonly kind: 'bearer'
      /** Where tokens are to be had: a URL, or a path at the address by which the client reached this registry. */
      readonly realm: string
      readonly service: string
    }

/** Credentials were sent, and do not let anybody in. The message is for whoever sent them. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  /** What the challenge says of a token (RFC 6750 §3.1); null for a password. */
  readonly problem: 'invalid_token' | null

  constructor(message: string, problem: 'invalid_token' | null = null) {
    super(message)
    this.problem = problem
  }
}

/** Nobody is asked. */
export const OPEN: Authenticator = {
  challenge: { kind: 'none' },
  authenticate: () => EVERYBODY,
}

/** Distribution's `silly`, for trying out clients: any Authorization header lets anybody in, under this name. */
export function sillyAuthenticator(options: {
  readonly realm: string
  readonly service: string
}): Authenticator {
  const silly: Principal = { kind: 'user', name: 'silly' }
  return {
    challenge: { kind: 'bearer', realm: options.realm, service: options.service },
    authenticate: (asked) => ((asked.header('authorization') ?? '') === '' ? ANONYMOUS : silly),
  }
}
