/**
 * Lists of values in one statement: many rows with few round trips. Statements are cached by their text, so a
 * list is cut into chunks of very few sizes, and one that is not full repeats its last item: in a set, and
 * where a row that is there already is left alone, that changes nothing.
 */

const LARGE = 100
const SMALL = 10

/** The items in their order, in chunks of 100, 10 or 1, or of `most` at most; the last one may repeat its last item. */
export function chunksOf<Item>(items: readonly Item[], most = LARGE): (readonly Item[])[] {
  const chunks: Item[][] = []
  for (let start = 0; start < items.length; ) {
    const size = Math.min(sizeFor(items.length - start), most)
    const chunk = items.slice(start, start + size)
    while (chunk.length < size) chunk.push(...chunk.slice(-1))
    chunks.push(chunk)
    start += size
  }
  return chunks
}

/** `($1, $2, $3), ($1, $2, $4)`: so many rows that have their first values in common, and then one of their own. */
export function rowsWith(common: number, count: number): string {
  const first = Array.from({ length: common }, (_, index) => `$${index + 1}, `).join('')
  return Array.from({ length: count }, (_, index) => `(${first}$${common + index + 1})`).join(', ')
}

/**
 * A table `wanted` whose `column1` has so many values, `$2` being the first one. Look each one up in a scalar
 * subquery: that is a probe of the key for each. For a join or an IN, PostgreSQL may read through all that the
 * rest of the key names (a whole repository), once it plans for values that it does not know.
 */
export function wantedFrom2(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `($${index + 2})`)
  return `(VALUES ${rows.join(', ')}) AS wanted`
}

function sizeFor(left: number): number {
  if (left >= LARGE) return LARGE
  return left > 1 ? SMALL : 1
}
