/** Berth's targets, as targets.json holds them, and whether a run has reached them. */
import type { Measurements } from './measure.ts'
import { ratiosOf, type Summary, summarize } from './statistics.ts'
import targets from './targets.json'

/** The contestant whose targets these are, and whose figures are divided by the others'. */
export const OURS = 'berth'

export interface Target {
  /** `metric.figure` */
  readonly figure: string
  /** The contestant whose figure ours is divided by; without it the figure itself is meant. */
  readonly against?: string
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Judgement {
  readonly target: Target
  readonly measured: Summary
  readonly isReached: boolean
  /** How far the median is from the target, as a share of the target; positive when it is better. */
  readonly margin: number
}

export const TARGETS: readonly Target[] = targets

/** Null when the run has not measured it, or too little for a ratio. */
export function judge(target: Target, measurements: Measurements): Judgement | null {
  const byContestant = measurements.get(target.figure)
  const ours = byContestant?.get(OURS)
  const theirs = target.against === undefined ? ours?.map(() => 1) : byContestant?.get(target.against)
  if (ours === undefined || theirs === undefined) return null
  const measured = summarize(ratiosOf(ours, theirs))
  if (!Number.isFinite(measured.median)) return null
  const margin =
    target.atLeast !== undefined
      ? measured.median / target.atLeast - 1
      : 1 - measured.median / (target.atMost ?? Number.POSITIVE_INFINITY)
  return { target, measured, margin, isReached: margin >= 0 }
}
