/** Numbers as people read them: how much, and how long from now. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.4 MiB`, `312 B`. */
export function formatBytes(bytes: number): string {
  let amount = bytes
  let unit = 0
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`
}

const SPANS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** `in 3 h`, `5 min ago`, `now`: of a moment in milliseconds since 1970. */
export function formatWhen(at: number, now: number): string {
  const distance = Math.abs(at - now)
  const [size, unit] = SPANS.find(([size]) => distance >= size) ?? [0, '']
  if (size === 0) return 'now'
  const span = `${Math.floor(distance / size)} ${unit}`
  return at > now ? `in ${span}` : `${span} ago`
}
