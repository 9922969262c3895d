/** Which backups stay when a new one has been made: the newest ones, and the newest of each of some days before. */

export interface Rotation {
  /** So many of the newest stay, whenever they were made. */
  readonly newest: number
  /** Of so many days, the one of today included, the newest stays. */
  readonly days: number
}

const DAY = 24 * 3_600_000

/** Those of these times (milliseconds since 1970) that go; the newest never does. Days are those of UTC. */
export function outdated(times: readonly number[], { newest, days }: Rotation): number[] {
  const sorted = times.toSorted((one, other) => other - one)
  const latest = sorted[0]
  if (latest === undefined) return []
  const kept = new Set(sorted.slice(0, Math.max(1, newest)))
  const firstDay = Math.floor(latest / DAY) - days + 1
  const seen = new Set<number>()
  for (const time of sorted) {
    const day = Math.floor(time / DAY)
    if (day >= firstDay && !seen.has(day)) kept.add(time)
    seen.add(day)
  }
  return sorted.filter((time) => !kept.has(time))
}
