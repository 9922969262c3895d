/** Asks the server that runs on a data folder, by its control socket. */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { isAnswering } from '../http/address.ts'
import { controlSocketPath } from '../storage/layout.ts'
import { EXIT, Failure } from './failure.ts'

/** A page of anything takes less. */
const PATIENCE_MILLISECONDS = 60_000

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
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer
  const sentence =
    typeof answer === 'object' && answer !== null && 'error' in answer
      ? String(answer.error)
      : response.statusText
  throw new Failure(EXIT.FAILED, sentence)
}
