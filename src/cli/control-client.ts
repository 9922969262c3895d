/** Asks the server that runs on a data folder, by its control socket. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { isAnswering } from '../http/address.ts'
import { ANSWER_WITHIN, type OwnerAnswer } from '../protocols/management/exchange.ts'
import { controlSocketPath } from '../storage/layout.ts'
import { EXIT, Failure } from './failure.ts'

/** The server gives an answer up before. */
const PATIENCE_MILLISECONDS = ANSWER_WITHIN + 20_000

export interface ControlClient {
  /** What the server answers, as plain data. Throws Failure with its sentence where it refuses. */
  ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>
}

/** Null where no server answers there. Throws Failure where one does, but not to this user. */
export async function findRunningServer(root: string): Promise<ControlClient | null> {
  // The link's own path may be longer than a socket's can be.
  const socket = await realpath(join(root, controlSocketPath)).catch(refuseStrangers)
  if (socket === null || !(await isAnswering({ kind: 'unix', path: socket }))) return null
  return { ask: (method, path, body) => ask(socket, { method, path, body }) }
}

function refuseStrangers(error: NodeJS.ErrnoException): null {
  if (error.code === 'EACCES') {
    throw new Failure(
      EXIT.FAILED,
      'The data folder belongs to another user: run this command as that user, or as root.',
    )
  }
  return null
}

async function ask(
  socket: string,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: unknown },
): Promise<unknown> {
  const response = await fetch(`http://localhost${path}`, {
    unix: socket,
    method,
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: Error) => {
    throw new Failure(EXIT.UNAVAILABLE, `The running server did not answer: ${error.message}. Try again.`)
  })
  const data: unknown = await response.json().catch(() => null)
  return dataOf({ status: response.status, headers: {}, data })
}

/** Throws Failure with the sentence of a refusal. */
export function dataOf({ status, data }: OwnerAnswer): unknown {
  if (status < 400) return data
  const hasSentence = typeof data === 'object' && data !== null && 'error' in data
  const sentence = hasSentence ? String(data.error) : `The running server answered with status ${status}.`
  throw new Failure(status === 503 ? EXIT.UNAVAILABLE : EXIT.FAILED, sentence)
}
