/**
 * The child's side of supervision, for `berth worker` and `berth writer`, which only the supervisor starts: wait
 * to be told what to do, say when it is done, and end when asked to, or when the supervisor is gone, however that
 * happened.
 * Signals are the supervisor's: a terminal or systemd sends them to every process, and a writer that heeded
 * them would be gone before the workers' last requests.
 */
import type { Question } from '../app/questions.ts'
import type { MessageFromChild, MessageToChild } from '../app/supervised-process.ts'
import { messageOf } from '../lib/thrown.ts'
import type { ChildStart } from '../supervisor.ts'
import { EXIT, explain, Failure, formatFailure } from './failure.ts'
import { openTerminal, type Terminal } from './terminal.ts'

/** What a child does once it has been told how. */
type BeginWork = (start: ChildStart, terminal: Terminal) => Promise<SupervisedWork>

export interface SupervisedWork {
  /** Where it can be reached: a URL, or the path of a socket. */
  readonly address: string
  /** Rejects when the process cannot go on and must be replaced. Never resolves. */
  readonly broken: Promise<never>
  /** What the supervisor wants to know; plain data. */
  answer(question: Question): Promise<unknown>
  close(graceMilliseconds: number): Promise<void>
}

/** Does the work until the supervisor ends it. Never returns. */
export async function runChild(kind: 'worker' | 'writer'): Promise<never> {
  const terminal = openTerminal()
  if (process.send === undefined) refuse(terminal)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(EXIT.FAILED))
  let work: SupervisedWork | null = null
  process.on('message', async (message: MessageToChild<ChildStart>) => {
    if (message.kind === 'start') work = await beginAndTell(kind, message.start, terminal)
    else if (message.kind === 'ask') await answerTo(work, message.number, message.question as Question)
    else await stop(work, message.graceMilliseconds)
  })
  tell({ kind: 'hello' })
  return new Promise<never>(() => {})
}

function refuse(terminal: Terminal): never {
  const sentence =
    'This command is for Berth itself: `berth serve` starts it when BERTH_WORKERS is more than 1'
  terminal.note(formatFailure(new Failure(EXIT.USAGE, sentence), { withStack: false }))
  process.exit(EXIT.USAGE)
}

async function beginAndTell(
  kind: 'worker' | 'writer',
  start: ChildStart,
  terminal: Terminal,
): Promise<SupervisedWork | null> {
  try {
    const begin = await findWork(kind)
    const work = await begin(start, terminal)
    tell({ kind: 'ready', address: work.address })
    work.broken.catch(tellFailure)
    return work
  } catch (error) {
    tellFailure(error)
    return null
  }
}

async function findWork(kind: 'worker' | 'writer'): Promise<BeginWork> {
  return kind === 'worker'
    ? (await import('./worker.ts')).beginWorker
    : (await import('./writer.ts')).beginWriter
}

function tellFailure(error: unknown): void {
  const { message, exitCode } = explain(error)
  tell({ kind: 'failed', message, exitCode })
}

async function answerTo(work: SupervisedWork | null, number: number, question: Question): Promise<void> {
  try {
    if (work === null) throw new Error('it has not begun its work yet')
    tell({ kind: 'answer', number, answer: await work.answer(question) })
  } catch (error) {
    tell({ kind: 'no-answer', number, why: messageOf(error) })
  }
}

async function stop(work: SupervisedWork | null, graceMilliseconds: number): Promise<never> {
  await work?.close(graceMilliseconds)
  process.exit(EXIT.OK)
}

function tell(message: MessageFromChild): void {
  process.send?.(message)
}
