/** How long one step of work may go on that is too long for one answer, or for one run of a job. */

/** Is asked after each write: whatever the answer, what is written stays, and a later step goes on from there. */
export interface StepTime {
  readonly isOver: boolean
}

/** For whoever waits until all is done. */
export const UNLIMITED: StepTime = { isOver: false }

/** Over after so many milliseconds, and as soon as the signal fires. */
export function stepTime({
  milliseconds = Number.POSITIVE_INFINITY,
  signal,
}: {
  readonly milliseconds?: number
  readonly signal: AbortSignal
}): StepTime {
  const until = performance.now() + milliseconds
  return {
    get isOver() {
      return signal.aborted || performance.now() >= until
    },
  }
}
