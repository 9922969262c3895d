/** How far something is, as a bar of text. */
const WIDTH = 30

/** `share` is from 0 to 1. */
export function bar(share: number): string {
  const full = Math.round(share * WIDTH)
  return `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}]`
}
