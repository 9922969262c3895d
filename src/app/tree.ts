/**
 * Has the link tree gone through beside the requests from the start on, and says how far that is: a bar on a
 * terminal, a line of the log every ten seconds elsewhere. Among several processes one does it; the others wait
 * to hear that it is done, and take over where that one dies.
 */
import type { Log } from '../observability/log.ts'
import { describeFinding, type Finding } from '../registry/tree/findings.ts'
import { noteFindingsCommand } from '../registry/tree/tree.commands.ts'
import { findTreeState, goThroughTree, type PassResult } from '../registry/tree/tree-pass.ts'
import type { UncheckedTree } from '../registry/tree/unchecked-tree.ts'
import { type DrawLine, ProgressTeller } from './progress.ts'

/** Milliseconds. */
const LOOK_AGAIN = 1_000
const AFTER_ERROR = 10_000

export interface TreeKeeperOptions {
  readonly tree: UncheckedTree
  /** This process among all that share the database. */
  readonly process: string
  readonly log: Log
  /** Null where there is no terminal. */
  readonly draw: DrawLine | null
}

export interface TreeKeeper {
  /** Ends what is under way: the next start goes on from there. */
  stop(): Promise<void>
}

export function checkTreeBeside(options: TreeKeeperOptions): TreeKeeper {
  const stopping = new AbortController()
  const running = untilChecked(options, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

async function untilChecked(options: TreeKeeperOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const isOver = await passOrLook(options, signal).catch((error: unknown) => {
      if (!signal.aborted)
        options.log.error({ error }, 'the tree cannot be gone through now; it will be tried again')
      return null
    })
    if (isOver) return
    await pause(isOver === null ? AFTER_ERROR : LOOK_AGAIN, signal)
  }
}

/** True when nothing more is to be done in this start. */
async function passOrLook(options: TreeKeeperOptions, signal: AbortSignal): Promise<boolean> {
  const { tree, process, log } = options
  const began = performance.now()
  const progress = new ProgressTeller({ log, draw: options.draw })
  const result = await goThroughTree(tree, {
    process,
    signal,
    onProgress: (made) => progress.tell(made),
    onError: (error) =>
      log.error({ error }, 'a repository is in error; it will be looked at again at the next start'),
  }).finally(() => progress.end())
  if (result !== null) {
    await tellResult(options, result, performance.now() - began)
    return true
  }
  const state = await findTreeState(tree.database, tree.start)
  if (state === 'known') tree.isChecked = true
  return state !== 'unknown'
}

async function tellResult({ tree, log }: TreeKeeperOptions, result: PassResult, took: number): Promise<void> {
  const { repositories, changes, errors, findings } = result
  const seconds = (took / 1000).toFixed(1)
  if (repositories > 0) {
    log.info(
      { repositories, changes, errors },
      `the images of ${repositories} repositories were gone through in ${seconds} s`,
    )
  }
  await tellFindings(tree, log, findings)
}

async function tellFindings(tree: UncheckedTree, log: Log, findings: readonly Finding[]): Promise<void> {
  const isNew = await tree.database.write(noteFindingsCommand, { findings: JSON.stringify(findings) })
  if (isNew) for (const finding of findings) log.warn({}, describeFinding(finding))
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
  })
}
