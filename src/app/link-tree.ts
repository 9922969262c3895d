/** Looks after the link tree for as long as a process writes: what a crash left, and then a flush every second. */
import { Periodic } from '../lib/periodic.ts'
import type { LinkTree, TreeDatabase } from '../registry/tree/link-tree.ts'
import type { ErrorLog } from './log.ts'

/** Milliseconds for which the link tree may hold what a power cut would lose; the database holds it all the while. */
const FLUSH_EVERY = 1_000
/** Milliseconds that a stop waits for a busy disk: marks that are left keep, and the next start goes on from them. */
const LAST_FLUSH = 500
const NOT_SHOWN =
  'a path of the link tree could not be brought up to date; it stays marked, and will be tried again'
const NOT_DURABLE =
  'the link tree could not be made durable; it stays marked, and is tried again every second'

export interface KeptLinkTree {
  /**
   * Makes the last changes durable, and stops. What fails is logged, and what takes long is given up: the next start
   * goes on from there.
   */
  stop(): Promise<void>
}

/** Resolves when everything that a crash left has been gone through. */
export async function keepLinkTree(
  tree: LinkTree,
  database: TreeDatabase,
  log: ErrorLog,
): Promise<KeptLinkTree> {
  for (const error of await tree.replay(database)) log.error({ error }, NOT_SHOWN)
  let isFailing = false
  const flushing = new Periodic({
    everyMilliseconds: FLUSH_EVERY,
    async work() {
      await tree.flush(database)
      isFailing = false
    },
    // A full disk stays full for longer than a second: it is told once.
    onError(error) {
      if (!isFailing) log.error({ error }, NOT_DURABLE)
      isFailing = true
    },
  })
  return {
    async stop() {
      const flushed = flushing
        .stop()
        .then(() => tree.flush(database))
        .catch((error) => log.error({ error }, NOT_DURABLE))
      await Promise.race([flushed, Bun.sleep(LAST_FLUSH)])
    },
  }
}
