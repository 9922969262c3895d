/**
 * Has the link tree gone through beside the requests from the start on, and says how far that is: a bar on a
 * terminal, a line of the log every ten seconds elsewhere. Among several processes one does it; the others wait
 * to hear that it is done, and take over where that one dies.
 */
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import { lookAtBlobsOnce } from '../registry/tree/blob-folders.ts'
import { findTreeState, goThroughTree, type PassResult } from '../registry/tree/tree-pass.ts'
import type { UncheckedTree } from '../registry/tree/unchecked-tree.ts'
import { tellNewFindings } from './findings.ts'
import { type DrawLine, ProgressTeller } from './progress.ts'

/** Milliseconds. */
const LOOK_AGAIN = 1_000
const AFTER_ERROR = 10_000

export interface TreeKeeperOptions {
  readonly tree: UncheckedTree
  /** The folder that it lies in. */
  readonly root: string
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
    tellResult(log, result, performance.now() - began)
    await lookForOddFiles(options, signal)
    return true
  }
  const state = await findTreeState(tree.database, tree.start)
  if (state === 'known') tree.isChecked = true
  return state !== 'unknown'
}

function tellResult(log: Log, { repositories, changes, errors }: PassResult, took: number): void {
  if (repositories === 0) return
  const seconds = (took / 1000).toFixed(1)
  log.info(
    { repositories, changes, errors },
    `the images of ${repositories} repositories were gone through in ${seconds} s`,
  )
}

/** What cannot be read or remembered now is told at the next start; images do not depend on it. */
async function lookForOddFiles({ tree, root, log }: TreeKeeperOptions, signal: AbortSignal): Promise<void> {
  try {
    await lookAtBlobsOnce(tree, signal)
  } catch (error) {
    log.error({ error }, 'not all folders of blobs could be looked through; the next start looks again')
  }
  try {
    for (const sentence of await tellNewFindings(root, tree.findings.list())) log.warn({}, sentence)
  } catch (error) {
    log.error({ error }, 'what is odd in the images could not be noted; the next start tells it')
  }
}

/** Throws DatabaseUnavailable. */
export async function describeTree({ database, start }: UncheckedTree): Promise<Metric[]> {
  const isKnown = (await findTreeState(database, start)) === 'known'
  const help = 'Whether all that another registry may have left in the folder is known.'
  return [gauge('berth_tree_known', help, [{ labels: {}, value: isKnown ? 1 : 0 }], 'max')]
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
