/**
 * Who may pass to a route: finds out who is asking, and asks whether they may. The answer to whoever may not
 * is made here: 401 with a challenge for whom a login or another token would help, 403 for whom it would not.
 */
import { LoginRefused } from '../../access/authenticate.ts'
import type { Action } from '../../access/authorize.ts'
import { ANONYMOUS, type Principal } from '../../access/principal.ts'
import type { IncomingRequest } from '../../http/request.ts'
import type { Params } from '../../http/router.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findRepositoryName, parseRepositoryName } from '../../oci/repository-name.ts'
import { accessOf, type LoginRequired, loginRequired, type TokenProblem } from './challenge.ts'
import type { OciContext, OciOptions, OciRoute } from './route.ts'

type Options = OciOptions & Pick<OciContext, 'can'>

/** What is asked for. */
interface Wish {
  readonly request: IncomingRequest
  readonly needs: Action
  readonly params: Params
}

/**
 * The principal, where it may do what the route needs; without a promise where nothing must be waited for.
 * Throws LoginRequired, DENIED, NAME_INVALID, UNAVAILABLE, TOOMANYREQUESTS.
 */
export function admit(
  options: Options,
  request: IncomingRequest,
  needs: Action,
  params: Params,
): Principal | Promise<Principal> {
  const wish: Wish = { request, needs, params }
  if (needs === 'probe') return authorized(options, wish, ANONYMOUS)
  const known = options.authenticator.authenticate(request)
  if (!(known instanceof Promise)) return authorized(options, wish, known)
  return known.then(
    (principal) => authorized(options, wish, principal),
    (error) => {
      throw error instanceof LoginRefused ? challenge(options, wish, error.message, error.problem) : error
    },
  )
}

/** What distribution asks of whoever tries a method on a repository that its address does not take. */
const METHOD_NEEDS: Readonly<Record<string, Action>> = {
  POST: 'push',
  PUT: 'push',
  PATCH: 'push',
  DELETE: 'delete',
}

/** What is needed for a method that an address does not take; `other` is what it takes with another one. */
export function needsOf(
  method: string,
  other: { readonly route: OciRoute; readonly params: Params },
): Action {
  return other.params['name'] === undefined ? other.route.needs : (METHOD_NEEDS[method] ?? 'pull')
}

function authorized(options: Options, wish: Wish, principal: Principal): Principal {
  const { request, needs, params } = wish
  const isNamed = principal.kind === 'user' || principal.kind === 'token'
  if (isNamed) request.notes.user = principal.name
  if (principal.kind === 'anonymous' && needs !== 'probe')
    throw challenge(options, wish, 'authentication required: please log in.', null)
  const name = params['name']
  const repository = name === undefined ? null : parseRepositoryName(name)
  if (options.can(principal, needs, repository)) return principal
  const sentence = `${principal.name} may not ${needs} in ${repository ?? 'this registry'}.`
  if (principal.kind !== 'token') throw new RegistryError('DENIED', sentence)
  throw challenge(
    options,
    wish,
    'The token does not allow this. Ask for one that does.',
    'insufficient_scope',
  )
}

function challenge(options: Options, wish: Wish, message: string, problem: TokenProblem): LoginRequired {
  const { request, needs, params } = wish
  const repository = findRepositoryName(params['name'] ?? '')
  return loginRequired({
    challenge: options.authenticator.challenge,
    needed: accessOf(needs, repository, request),
    problem,
    message,
    origin: originOf(options, request),
  })
}

/**
 * Where the client reaches this registry, without a path, to send its password to. Where nobody tells the scheme it is
 * https, as in registry:2: another server behind the same proxy gives the tokens, and not every proxy says that it has TLS.
 */
function originOf({ addresses }: Options, request: IncomingRequest): string {
  return addresses.host === null ? (request.originUnlessTold('https') ?? '') : new URL(addresses.host).origin
}
