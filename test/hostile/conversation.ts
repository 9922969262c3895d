/**
 * Sends a row's bytes on a connection of its own and reads what comes back, with the wire's own eyes. After
 * the answers it asks once more on the same connection: a server that took the bytes for more or fewer
 * requests than it answered is out of step there.
 */
import {
  parseResponses,
  RawConnection,
  type RawResponse,
  waitFor,
} from '../../src/http/raw-client.support.ts'
import { get } from './requests.ts'
import type { Upload, Wire } from './row.ts'
import { REPOSITORY } from './stock.ts'

export interface Conversation {
  readonly answers: readonly RawResponse[]
  /** `closed` by the server after its answers, `in step` where the next request got its own answer, else `out of step`. */
  readonly connection: 'closed' | 'in step' | 'out of step'
  /** Everything that came. */
  readonly received: Buffer
}

const PATIENCE = 10_000
const PROBE_ANSWER = 'ok\n'

/** `expected` is how many answers to wait for; none means that the connection closes without one. */
export async function converse(port: number, wire: Wire, expected: number): Promise<Conversation> {
  const connection = new RawConnection({ port })
  const head = Buffer.from(wire.slice(0, 5)).toString('latin1') === 'HEAD '
  const answersSoFar = () => parseResponses(connection.received, { head })
  const isAnswered = () => answersSoFar().filter(({ isWhole }) => isWhole).length >= Math.max(expected, 1)
  try {
    const written = connection.write(wire)
    if (expected === 0) await written.then(() => connection.end())
    await waitFor(() => connection.isClosed || isAnswered(), `${expected} answers`, PATIENCE)
    if (!connection.isClosed) await connection.write(get('/healthz', ['Connection: close']))
    await connection.closed(PATIENCE)
    return judge(answersSoFar(), expected, connection.received)
  } finally {
    connection.destroy()
  }
}

function judge(all: readonly RawResponse[], expected: number, received: Buffer): Conversation {
  const last = all.at(-1)
  const isProbe = all.length === expected + 1 && last?.body.toString() === PROBE_ANSWER
  if (isProbe) return { answers: all.slice(0, -1), connection: 'in step', received }
  const connection = all.length <= Math.max(expected, 1) ? 'closed' : 'out of step'
  return { answers: all, connection, received }
}

/** The first answer alone, and the connection is given up. Null where it was closed without one. */
export async function firstAnswer(port: number, wire: Wire): Promise<RawResponse | null> {
  const connection = new RawConnection({ port })
  const head = Buffer.from(wire.slice(0, 5)).toString('latin1') === 'HEAD '
  const answers = () => parseResponses(connection.received, { head })
  try {
    void connection.write(wire)
    await waitFor(() => connection.isClosed || answers().some((each) => each.isWhole), 'an answer', PATIENCE)
    return answers()[0] ?? null
  } finally {
    connection.destroy()
  }
}

/** Opens an upload in REPOSITORY, and keeps no connection. */
export async function openUpload(url: string): Promise<Upload> {
  const answer = await fetch(`${url}/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST', keepalive: false })
  await answer.arrayBuffer()
  const location = new URL(answer.headers.get('location') ?? '', url)
  const path = `${location.pathname}${location.search}`
  return {
    id: location.pathname.slice(location.pathname.lastIndexOf('/') + 1),
    path,
    with: (parameters) => `${path}&${parameters}`,
  }
}
