/**
 * Berth's own API over HTTP, on the control socket: who may open that file may ask everything, so there is no login.
 * JSON in both directions; a refusal is `{"error": "a sentence"}`. What only the process that has the socket knows is
 * answered here; everything else goes to a process that has the registry.
 */
import type { Reply } from '../../http/reply.ts'
import { BadRequest, type IncomingRequest } from '../../http/request.ts'
import { createRouter, type Route, type Router, route } from '../../http/router.ts'
import { textContent } from '../../lib/content.ts'
import type { Log } from '../../observability/log.ts'
import type { ManagementApi } from './api.ts'
import { managementFailure } from './errors.ts'
import { ANSWER_WITHIN, notAllowed, type OwnerAnswer, type OwnerRequest, ownerAnswer } from './exchange.ts'
import type { Need } from './route.ts'

export interface HandlerOptions {
  /** What there is to tell of the server, as plain data. */
  status(): Promise<Readonly<Record<string, unknown>>>
  /** Has everything read again that can be; the log says what came of it. */
  reload(): void
  /** Whoever has the registry. */
  readonly ask: ManagementApi
  readonly log: Log
}

const MOST_BYTES = 64 * 1024
/** For an answer that takes all the time that it may, and comes from another process. */
const REST = ANSWER_WITHIN + 10_000

const OWN_ROUTES: readonly Route<HandlerOptions, Need, OwnerAnswer>[] = [
  route('GET', '/api/v1/status', { needs: 'owner', handle: getStatus }),
  route('POST', '/api/v1/reload', { needs: 'owner', handle: postReload }),
]

type OwnRouter = Router<HandlerOptions, Need, OwnerAnswer>

/** Never throws. */
export function managementHandler(options: HandlerOptions): (request: IncomingRequest) => Promise<Reply> {
  const router = createRouter<HandlerOptions, Need, OwnerAnswer>(OWN_ROUTES)
  return async (request) => {
    request.allowSlow(REST)
    try {
      return replyOf(await answerTo(options, router, request))
    } catch (error) {
      return replyOf(managementFailure(error, options.log))
    }
  }
}

async function answerTo(
  options: HandlerOptions,
  router: OwnRouter,
  request: IncomingRequest,
): Promise<OwnerAnswer> {
  const match = router.find(request.method, request.path)
  if (match.kind === 'found') return await match.route.handle(options, match.params)
  if (match.kind === 'method-not-allowed') return notAllowed(match.allow.join(', '))
  return await options.ask(await ownerRequestOf(request))
}

async function getStatus({ status }: HandlerOptions): Promise<OwnerAnswer> {
  return ownerAnswer(200, await status())
}

function postReload({ reload }: HandlerOptions): Promise<OwnerAnswer> {
  reload()
  return Promise.resolve(ownerAnswer(202, {}))
}

async function ownerRequestOf(request: IncomingRequest): Promise<OwnerRequest> {
  const { method, path, search } = request
  const bytes = await request.bytes({ atMost: MOST_BYTES })
  return { method, path, query: search.slice(1), body: jsonOf(bytes) }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new BadRequest('The body is not JSON.')
  }
}

/** How an answer goes out. */
export function replyOf({ status, headers, data }: OwnerAnswer): Reply {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: textContent(`${JSON.stringify(data)}\n`),
  }
}
