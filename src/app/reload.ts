/**
 * What can be read anew while Berth runs, and how: a file that has changed is noticed by whoever uses it; everything at
 * once is read again when the operator asks for it (SIGHUP).
 */

import { messageOf } from '../lib/thrown.ts'
import type { Log, LogLevel } from '../observability/log.ts'

export interface Reloadable {
  /** What it is, for the log. */
  readonly name: string
  /** Reads it again. Gives what is wrong, as a sentence; then what was there before goes on, where that is safe. */
  reload(): Promise<string | null>
}

/** What a process is told to do when everything is to be read again; plain data. */
export interface ReloadRequest {
  readonly logLevel: LogLevel
}

/** Reads everything again. What is wrong is told in the log, and given by name. */
export async function reloadAll(
  reloadables: readonly Reloadable[],
  { logLevel }: ReloadRequest,
  log: Log,
): Promise<readonly string[]> {
  log.setLevel(logLevel)
  const failed: string[] = []
  for (const reloadable of reloadables) {
    const problem = await reloadable.reload().catch(messageOf)
    if (problem === null) continue
    failed.push(reloadable.name)
    log.error({}, `${reloadable.name}: ${problem}`)
  }
  return failed
}
