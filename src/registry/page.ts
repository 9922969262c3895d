/** Lists come in pages: a bounded number of names after the last one seen. */

export interface PageRequest {
  /** The name after which the page begins; '' for the first page. */
  readonly after: string
  /** At most this many. 0 gives an empty page that is also the last. */
  readonly limit: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** Whether there are items after the last one. */
  readonly hasMore: boolean
}

/** Reads one item more than asked for: that tells whether there is a next page. */
export async function pageOf<Item>(
  request: PageRequest,
  list: (page: PageRequest) => Promise<Item[]>,
): Promise<Page<Item>> {
  if (request.limit === 0) return { items: [], hasMore: false }
  const found = await list({ after: request.after, limit: request.limit + 1 })
  return { items: found.slice(0, request.limit), hasMore: found.length > request.limit }
}
