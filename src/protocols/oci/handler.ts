/**
 * One request of this protocol: find its route, ask for the right that the route names, run it, and turn
 * whatever was thrown into the specification's errors.
 */
import { type Action, type Can, can } from '../../access/authorize.ts'
import type { Reply } from '../../http/reply.ts'
import { BadRequest, BodyAborted, BodyTooLarge, type IncomingRequest } from '../../http/request.ts'
import { createRouter, type Match, type Params, type Router } from '../../http/router.ts'
import { quoted } from '../../lib/quoted.ts'
import { RegistryError } from '../../oci/errors.ts'
import { findObstacle, isTemporary, type Obstacle } from '../../registry/temporary.ts'
import { admit, needsOf } from './admission.ts'
import { baseRoutes } from './base.ts'
import { blobRoutes } from './blobs.ts'
import { catalogRoutes } from './catalog.ts'
import { LoginRequired } from './challenge.ts'
import { errorReply } from './errors.ts'
import { kindOf, variablesOf } from './kinds.ts'
import { withoutPrefix } from './location.ts'
import { manifestRoutes } from './manifests.ts'
import { findMoved } from './moved.ts'
import { methodsNow, requireWritable } from './read-only.ts'
import { referrerRoutes } from './referrers.ts'
import { FULL, NoRoom, requireRoom } from './room.ts'
import type { OciContext, OciOptions, OciRoute } from './route.ts'
import { tagRoutes } from './tags.ts'
import { uploadRoutes } from './uploads.ts'

/** Clients take the registry for an older one without this. */
const PROTOCOL_HEADERS = { 'docker-distribution-api-version': 'registry/2.0' }

export const OCI_ROUTES: readonly OciRoute[] = [
  ...baseRoutes,
  ...catalogRoutes,
  ...uploadRoutes,
  ...blobRoutes,
  ...manifestRoutes,
  ...tagRoutes,
  ...referrerRoutes,
]

/** What kept the request from being done may name paths and hosts, so it stands in the log alone. */
const TEMPORARY =
  'The registry cannot do this right now. Please try again in a moment; if that does not help, ask its operator, whose log says why.'

/** What anybody may know of it. */
const OBSTACLES: Readonly<Record<Obstacle, string>> = {
  full: FULL,
  'read-only':
    'The storage of the registry is read-only now, so nothing can be stored or deleted. Ask its operator to make it writable, then try again.',
}

/** Answers every request that no other protocol has taken. Never throws. `decide` is who decides about rights. */
export function ociHandler(
  options: OciOptions,
  decide: Can = can,
): (request: IncomingRequest) => Promise<Reply> {
  const router = createRouter(OCI_ROUTES)
  return async (request) => {
    const reply = await answer(router, { ...options, can: decide }, request).catch((error) =>
      refusal(error, options, request),
    )
    return request.path === '/' ? reply : { ...reply, headers: { ...reply.headers, ...PROTOCOL_HEADERS } }
  }
}

async function answer(
  router: Router<OciContext, Action>,
  options: OciOptions & Pick<OciContext, 'can'>,
  request: IncomingRequest,
): Promise<Reply> {
  const match = find(router, options, request.method, request.path)
  switch (match.kind) {
    case 'not-found':
      return (
        findMoved(request, (path) => allowedAt(router, options, path).length > 0) ??
        notFound(request, options)
      )
    case 'method-not-allowed':
      note(request, match.other.route, match.other.params)
      // As distribution does: whoever may not use an address is not told what it takes, save by OPTIONS.
      if (request.method !== 'OPTIONS')
        await admit(options, request, needsOf(request.method, match.other), match.other.params)
      return methodNotAllowed(request.method, methodsNow(options, match.allow))
    case 'found': {
      note(request, match.route, match.params)
      const admission = admit(options, request, match.route.needs, match.params)
      const principal = admission instanceof Promise ? await admission : admission
      const context: OciContext = { ...options, request, principal }
      return await run(match.route, context, match.params, router)
    }
  }
}

/** Throws NOT_FOUND. */
function notFound({ path }: IncomingRequest, { addresses }: OciOptions): never {
  throw new RegistryError(
    'NOT_FOUND',
    `There is nothing at ${quoted(path)}. Repositories are below ${addresses.prefix}/v2/.`,
  )
}

function find(
  router: Router<OciContext, Action>,
  { addresses }: OciOptions,
  method: string,
  path: string,
): Match<OciContext, Action> {
  const place = withoutPrefix(addresses, path)
  return place === null ? { kind: 'not-found' } : router.find(method, place)
}

/** For the log and the metrics. */
function note({ notes }: IncomingRequest, { pattern }: OciRoute, params: Params): void {
  const kind = kindOf(pattern)
  if (kind === null) return
  notes.kind = kind
  notes.variables = variablesOf(params)
}

/** What the operator has switched off is told as a method that this address does not take (RFC 9110 §15.5.6). */
async function run(
  route: OciRoute,
  context: OciContext,
  params: Params,
  router: Router<OciContext, Action>,
): Promise<Reply> {
  try {
    requireWritable(context, route.method)
    if (context.obstacles.isFull) await requireRoom(context, route.method)
    return await route.handle(context, params)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== 'UNSUPPORTED') throw error
    const { method, path } = context.request
    const others = methodsNow(context, allowedAt(router, context, path))
    return errorReply(error, { allow: others.filter((each) => each !== method).join(', ') })
  }
}

/** Every method that an address takes. */
function allowedAt(router: Router<OciContext, Action>, options: OciOptions, path: string): readonly string[] {
  const match = find(router, options, 'OPTIONS', path)
  return match.kind === 'method-not-allowed' ? match.allow : []
}

function methodNotAllowed(method: string, allow: readonly string[]): Reply {
  const headers = { allow: allow.join(', ') }
  if (method === 'OPTIONS') return { status: 200, headers, body: null }
  return errorReply(
    new RegistryError(
      'METHOD_NOT_ALLOWED',
      `This address does not take ${method}; it takes ${allow.join(', ')}.`,
    ),
    headers,
  )
}

/**
 * The reply to whatever was thrown, in the specification's form. What is not the client's doing is logged, but for what
 * everybody meets alike and is told once. Without a request where the server itself failed.
 */
export function refusal(
  error: unknown,
  { log, obstacles }: Pick<OciOptions, 'log' | 'obstacles'>,
  request: IncomingRequest | null,
): Reply {
  const refused = asRegistryError(error)
  if (request !== null) request.notes.refusal = refused.problems[0]
  const isTold = obstacles.notice(error) || error instanceof NoRoom
  if (refused.code === 'UNKNOWN' || refused.code === 'UNAVAILABLE') {
    log[isTold ? 'debug' : 'error'](
      { request: request?.id, method: request?.method, path: request?.path, error },
      'a request failed',
    )
  }
  const login = refused instanceof LoginRequired ? refused.headers : {}
  return errorReply(refused, { ...PROTOCOL_HEADERS, ...retryAfter(refused), ...login })
}

/** In seconds (RFC 9110 §10.2.3): a disk or a database needs longer than a crowd of logins. */
function retryAfter({ code }: RegistryError): Record<string, string> {
  if (code === 'UNAVAILABLE') return { 'retry-after': '5' }
  return code === 'TOOMANYREQUESTS' ? { 'retry-after': '1' } : {}
}

function asRegistryError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error
  if (error instanceof BodyTooLarge || error instanceof BadRequest || error instanceof BodyAborted) {
    return new RegistryError('REQUEST_INVALID', error.message)
  }
  if (isTemporary(error)) return new RegistryError('UNAVAILABLE', sentenceOf(error))
  return new RegistryError('UNKNOWN', 'Something went wrong inside the registry; its log says what.')
}

function sentenceOf(error: Error): string {
  const obstacle = findObstacle(error)
  return obstacle === null ? TEMPORARY : OBSTACLES[obstacle]
}
