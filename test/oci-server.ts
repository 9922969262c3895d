/**
 * The OCI protocol over HTTP in this process: Bun's server on loopback, the routes, and a real registry behind
 * them. What `serve` adds to that (settings, the volume, signals) is test/serve.test.ts's.
 */
import { OPEN } from '../src/access/authenticate.ts'
import type { Can } from '../src/access/authorize.ts'
import { startServer } from '../src/http/server.ts'
import { createLog } from '../src/observability/log.ts'
import { ociHandler, refusal } from '../src/protocols/oci/handler.ts'
import type { AddressOptions } from '../src/protocols/oci/location.ts'
import type { ListLimits, OciOptions } from '../src/protocols/oci/route.ts'
import { type Bench, type BenchOptions, type OpenBench, openOnSqlite } from './registry-bench.ts'

export interface OciServer {
  readonly url: string
  readonly bench: Bench
  /** What was logged so far. */
  readonly log: readonly Record<string, unknown>[]
  /** Asks for a path of this server. Redirects are not followed. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  close(): Promise<void>
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Bun.BodyInit
}

/** An answer that has been read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly text: string
}

export interface OciServerOptions extends BenchOptions, Partial<Omit<OciOptions, 'registry' | 'log'>> {
  readonly open?: OpenBench
  readonly can?: Can
  readonly trustedProxies?: readonly string[]
}

/** As where nothing is set. */
const USUAL_LISTS: ListLimits = { catalogMaxEntries: 1_000, tagsMax: 10_000 }
const USUAL_ADDRESSES: AddressOptions = { host: null, prefix: '', relativeUrls: true }

export async function openOciServer(options: OciServerOptions = {}): Promise<OciServer> {
  const bench = await (options.open ?? openOnSqlite)({ storage: 'memory', ...options })
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const log = createLog({ level: 'info', format: 'json', write })
  const {
    deleteEnabled = true,
    isReadOnly = false,
    lists = USUAL_LISTS,
    addresses = USUAL_ADDRESSES,
    authenticator = OPEN,
  } = options
  const obstacles = { notice: () => false, isFull: false, lookAgain: () => Promise.resolve() }
  const handle = ociHandler(
    { registry: bench.registry, deleteEnabled, isReadOnly, lists, addresses, authenticator, obstacles, log },
    options.can,
  )
  const server = await startServer({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    trustedProxies: options.trustedProxies ?? [],
    handle,
    onError: (error, request) => refusal(error, { log, obstacles }, request),
  })
  return {
    url: server.url,
    bench,
    log: lines,
    ask: (method, path, asked = {}) => ask(`${server.url}${path}`, method, asked),
    async close() {
      await server.stop({ graceMilliseconds: 1000 })
      await bench.close()
    },
  }
}

async function ask(url: string, method: string, { headers = {}, body }: AskOptions): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  })
  const bytes = await answer.bytes()
  const text = new TextDecoder().decode(bytes)
  return { status: answer.status, headers: answer.headers, bytes, text }
}

export interface WireError {
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/** The errors of a refusal. Throws where it is not in the specification's form. */
export function errorsOf({ text, headers }: Answer): readonly WireError[] {
  const type = headers.get('content-type')
  if (type !== 'application/json; charset=utf-8') throw new Error(`an error of type ${type}: ${text}`)
  const { errors, ...others } = JSON.parse(text) as { readonly errors: readonly WireError[] }
  const isProper =
    Object.keys(others).length === 0 &&
    errors.length > 0 &&
    errors.every(({ code, message }) => /^[A-Z_]+$/.test(code) && /^\S.*\.$/s.test(message))
  if (!isProper) throw new Error(`not the specification's errors: ${text}`)
  return errors
}

/** Follows `Link` from a first address to the last page, and gives all answers. */
export async function followLinks(server: OciServer, path: string): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer: Answer = await server.ask('GET', next)
    if (answer.status !== 200) throw new Error(`GET ${next} answered ${answer.status}: ${answer.text}`)
    answers.push(answer)
    next = linkOf(answer)
  }
  return answers
}

/** The address of the next page. Throws where there is a Link of another form than clients understand. */
export function linkOf({ headers }: Answer): string | undefined {
  const link = headers.get('link')
  if (link === null) return undefined
  const found = /^<(\/[^>]+)>; rel="next"$/.exec(link)
  if (found === null) throw new Error(`a Link that clients do not understand: ${link}`)
  return found[1]
}
