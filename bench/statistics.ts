/** Medians, spreads and ratios of a few rounds. */

/** What the rounds of one figure gave. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Throws when there is nothing to summarize. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (least === undefined || most === undefined) throw new Error('There is no round to summarize.')
  return { median: median(sorted), least, most }
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2
  const [below = 0, above = below] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (below + above) / 2
}

/**
 * One contestant's figure divided by another's, round by round: what slowed the machine down for a while
 * slowed both alike.
 */
export function ratiosOf(of: readonly number[], against: readonly number[]): number[] {
  return of.slice(0, against.length).map((value, round) => value / (against[round] ?? Number.NaN))
}

/** The value that so large a share of all is not above: 0.99 for all but one in a hundred. Throws when there is none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new Error('There is no value to choose from.')
  return value
}
