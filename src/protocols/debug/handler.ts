/**
 * The debug server's addresses, as registry:2 has them: `/debug/health`, and metrics for Prometheus. There is no login,
 * so nothing here tells anything that a stranger should not know. What registry:2 has besides (`/debug/pprof`,
 * `/debug/vars`) is Go's, and told it its configuration to whoever asked.
 */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { textContent } from '../../lib/content.ts'

export interface DebugOptions {
  /** What is wrong, by the names of the checks; empty where all is well. */
  problems(): Promise<Readonly<Record<string, string>>>
  /** Null where there are no metrics. */
  readonly metrics: {
    readonly path: string
    readonly type: string
    /** The text for Prometheus. */
    text(): Promise<string>
  } | null
}

export function debugHandler({
  problems,
  metrics,
}: DebugOptions): (request: IncomingRequest) => Promise<Reply> {
  return async ({ method, path }) => {
    const isHealth = path === '/debug/health'
    if (!isHealth && path !== metrics?.path) return plain(404, notFound(path, metrics?.path ?? null))
    if (method !== 'GET' && method !== 'HEAD') {
      const refused = plain(405, `This address does not take ${method}; it takes GET and HEAD.`)
      return { ...refused, headers: { ...refused.headers, allow: 'GET, HEAD' } }
    }
    return isHealth || metrics === null
      ? health(await problems())
      : reply(200, metrics.type, await metrics.text())
  }
}

/** Where an answer could not be given. The log says why. */
export function debugFailure(): Reply {
  return plain(500, 'This could not be answered; the log of this registry says why.')
}

function health(problems: Readonly<Record<string, string>>): Reply {
  const status = Object.keys(problems).length === 0 ? 200 : 503
  return reply(status, 'application/json; charset=utf-8', JSON.stringify(inOrder(problems)))
}

/** By name, as Go writes it. */
function inOrder(problems: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(problems).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function notFound(path: string, metricsPath: string | null): string {
  const others = metricsPath === null ? '/debug/health' : `/debug/health and ${metricsPath}`
  return path.startsWith('/debug/')
    ? `Berth is no Go program, so there is no profiler and there are no variables here. There is ${others}.`
    : `There is nothing at this address. There is ${others}.`
}

/** With the header that Go's servers put on their plain refusals. */
function plain(status: number, sentence: string): Reply {
  const answer = reply(status, 'text/plain; charset=utf-8', `${sentence}\n`)
  return { ...answer, headers: { ...answer.headers, 'x-content-type-options': 'nosniff' } }
}

function reply(status: number, type: string, text: string): Reply {
  return { status, headers: { 'content-type': type }, body: textContent(text) }
}
