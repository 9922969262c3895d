/**
 * Berth's own API, for its owner on the control socket: who may open that file may ask everything, so there is no
 * login. JSON in both directions; a refusal is `{"error": "a sentence"}`.
 */
import type { GarbageCollectionRequest } from '../../contract/garbage-collection.ts'
import type { Reply } from '../../http/reply.ts'
import { BadRequest, BodyTooLarge, type IncomingRequest } from '../../http/request.ts'
import { createRouter, type Route, route } from '../../http/router.ts'
import { textContent } from '../../lib/content.ts'
import type { Log } from '../../observability/log.ts'

export interface ManagementOptions {
  /** What there is to tell of the server, as plain data. */
  status(): Promise<Readonly<Record<string, unknown>>>
  /** One page, as plain data. Throws NotNow. */
  collectGarbage(request: GarbageCollectionRequest): Promise<unknown>
  /** Has everything read again that can be; the log says what came of it. */
  reload(): void
  readonly log: Log
}

/** What was asked for cannot be done in the state that the server is in. The message says why. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

interface Context extends ManagementOptions {
  readonly request: IncomingRequest
}

/** Everything here is for whoever owns the server. */
type Need = 'owner'

const MOST_BYTES = 64 * 1024

const MANAGEMENT_ROUTES: readonly Route<Context, Need>[] = [
  route('GET', '/api/v1/status', { needs: 'owner', handle: getStatus }),
  route('POST', '/api/v1/garbage-collection', { needs: 'owner', handle: postGarbageCollection }),
  route('POST', '/api/v1/reload', { needs: 'owner', handle: postReload }),
]

/** Never throws. */
export function managementHandler(options: ManagementOptions): (request: IncomingRequest) => Promise<Reply> {
  const router = createRouter(MANAGEMENT_ROUTES)
  return async (request) => {
    const match = router.find(request.method, request.path)
    if (match.kind === 'not-found') return refused(404, `There is nothing at ${request.path}.`)
    if (match.kind === 'method-not-allowed') {
      return refused(405, `This address takes ${match.allow.join(', ')}.`, { allow: match.allow.join(', ') })
    }
    try {
      return await match.route.handle({ ...options, request }, match.params)
    } catch (error) {
      return managementFailure(error, options.log)
    }
  }
}

/** The reply to what was thrown. */
export function managementFailure(error: unknown, log: Log): Reply {
  if (error instanceof NotNow) return refused(409, error.message)
  if (error instanceof BodyTooLarge) return refused(413, error.message)
  if (error instanceof BadRequest) return refused(400, error.message)
  log.error({ error }, 'a question to the control socket could not be answered')
  return refused(500, 'This could not be done; the log of this registry says why.')
}

async function getStatus({ status }: Context): Promise<Reply> {
  return reply(200, await status())
}

function postReload({ reload }: Context): Promise<Reply> {
  reload()
  return Promise.resolve(reply(202, {}))
}

async function postGarbageCollection({ request, collectGarbage }: Context): Promise<Reply> {
  // The library of schemas takes some megabytes, which a server that nobody asks does not need.
  const { garbageCollectionRequest } = await import('../../contract/garbage-collection.ts')
  const parsed = garbageCollectionRequest.safeParse(await jsonOf(request))
  if (parsed.success) return reply(200, await collectGarbage(parsed.data))
  const [issue] = parsed.error.issues
  throw new BadRequest(`The request is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`)
}

async function jsonOf(request: IncomingRequest): Promise<unknown> {
  const bytes = await request.bytes({ atMost: MOST_BYTES })
  try {
    return bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new BadRequest('The body is not JSON.')
  }
}

function refused(status: number, error: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return reply(status, { error }, headers)
}

function reply(status: number, data: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: textContent(`${JSON.stringify(data)}\n`),
  }
}
