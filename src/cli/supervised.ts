/**
 * The child's side of supervision, for `berth worker` and `berth writer`: wait to be told what to do, say when
 * it is done, and end when asked to, or when the supervisor is gone, however that happened.
 * Signals are the supervisor's: a terminal or systemd sends them to every process, and a writer that heeded
 * them would be gone before the workers' last requests.
 */
import type { MessageFromChild, MessageToChild } from '../app/supervised-process.ts'
import type { ChildStart } from '../supervisor.ts'
import { EXIT, explain, Failure } from './failure.ts'

export interface SupervisedWork {
  /** Where it can be reached: a URL, or the path of a socket. */
  readonly address: string
  /** Rejects when the process cannot go on and must be replaced. Never resolves. */
  readonly broken: Promise<never>
  close(graceMilliseconds: number): Promise<void>
}

/** Does the work until the supervisor ends it. Never returns. */
export async function runSupervised(begin: (start: ChildStart) => Promise<SupervisedWork>): Promise<never> {
  if (process.send === undefined) {
    throw new Failure(
      EXIT.USAGE,
      'This command is for Berth itself: `berth serve` starts it when BERTH_WORKERS is more than 1',
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(EXIT.FAILED))
  let work: SupervisedWork | null = null
  process.on('message', async (message: MessageToChild<ChildStart>) => {
    if (message.kind === 'start') work = await beginAndTell(begin, message.start)
    else await stop(work, message.graceMilliseconds)
  })
  tell({ kind: 'hello' })
  return new Promise<never>(() => {})
}

async function beginAndTell(
  begin: (start: ChildStart) => Promise<SupervisedWork>,
  start: ChildStart,
): Promise<SupervisedWork | null> {
  try {
    const work = await begin(start)
    tell({ kind: 'ready', address: work.address })
    work.broken.catch(tellFailure)
    return work
  } catch (error) {
    tellFailure(error)
    return null
  }
}

function tellFailure(error: unknown): void {
  const { message, exitCode } = explain(error)
  tell({ kind: 'failed', message, exitCode })
}

async function stop(work: SupervisedWork | null, graceMilliseconds: number): Promise<never> {
  await work?.close(graceMilliseconds)
  process.exit(EXIT.OK)
}

function tell(message: MessageFromChild): void {
  process.send?.(message)
}
