/**
 * SIGINT and SIGTERM: the first asks to finish and stop, a second to stop at once. So does SIGHUP where the
 * terminal is gone that a person watched; else it says that settings are to be read again (reload.ts).
 */

import type { Terminal } from './terminal.ts'

/**
 * One wish to stop may arrive several times: a terminal signals the launcher and the program, npm passes its
 * own copy on, and systemd signals every process of a service. Nobody asks twice so quickly.
 */
const SAME_WISH_MILLISECONDS = 250

export interface StopSignals {
  readonly first: Promise<NodeJS.Signals>
  readonly second: Promise<NodeJS.Signals>
}

export function listenForStop({ isGone }: Pick<Terminal, 'isGone'>): StopSignals {
  const first = Promise.withResolvers<NodeJS.Signals>()
  const second = Promise.withResolvers<NodeJS.Signals>()
  let firstAt: number | null = null
  const received = (signal: NodeJS.Signals) => {
    if (firstAt === null) {
      firstAt = performance.now()
      first.resolve(signal)
    } else if (performance.now() - firstAt > SAME_WISH_MILLISECONDS) {
      second.resolve(signal)
    }
  }
  process.on('SIGINT', received)
  process.on('SIGTERM', received)
  process.on('SIGHUP', (signal) => {
    if (isGone()) received(signal)
  })
  return { first: first.promise, second: second.promise }
}
