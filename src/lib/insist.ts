/** Work that must be done in the end, although nobody waits for it. */
import { Periodic } from './periodic.ts'

export interface Insistence {
  readonly everyMilliseconds: number
  /** After that long it is of no use any more. */
  readonly forMilliseconds: number
}

/** Tries the work again and again, never twice at the same time, until it succeeds or the time is over. Nobody is told of failures. */
export function insist(work: () => Promise<unknown>, insistence: Insistence): void {
  const { everyMilliseconds, forMilliseconds } = insistence
  const end = performance.now() + forMilliseconds
  const trying = new Periodic({
    everyMilliseconds,
    work: async () => {
      if (performance.now() < end) await work()
      void trying.stop()
    },
    onError: () => undefined,
  })
}
