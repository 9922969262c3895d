/** Lengths of time as people write them: `8s`, `90m`, `168h`, `1h30m`, `250ms` (Go's form), and `7d`. */

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds, or null where the text is no duration, or one beyond counting (285 000 years). */
export function parseDuration(text: string): number | null {
  if (!/^((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d))+$/.test(text)) return null
  const parts = [...text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h|d)/g)]
  const sum = parts.reduce(
    (before, [, amount, unit = '']) => before + Number(amount) * (MILLISECONDS[unit] ?? 0),
    0,
  )
  return sum <= Number.MAX_SAFE_INTEGER ? sum : null
}

/** As registry:2's file and variables write it: a number without a unit is nanoseconds. */
export function parseGoDuration(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) * 1e-6 : parseDuration(text)
}
