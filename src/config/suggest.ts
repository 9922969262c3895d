/** "Did you mean": the known word nearest to a mistyped one. */

const most = (length: number) => Math.min(Math.max(2, Math.floor(length / 4)), Math.floor(length / 2))

/** Null where nothing is near enough to be a slip of the keyboard. */
export function suggest(word: string, known: readonly string[]): string | null {
  const near = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= most(candidate.length))
  near.sort((a, b) => a.distance - b.distance)
  return near[0]?.candidate ?? null
}

/** How many letters must be inserted, removed or replaced to make one word of the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    above = current
  }
  return above[to.length] ?? 0
}
