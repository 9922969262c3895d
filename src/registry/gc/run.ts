/** Collecting now, a part at a time, for whoever waits for it and wants to know how far it is. */
import type { Registry } from '../registry.ts'
import {
  type CollectCursor,
  type CollectNowOptions,
  type CollectPage,
  collectPage,
  sumOf,
} from './collect.ts'

export interface RunOptions extends CollectNowOptions {
  readonly cursor: CollectCursor
  /** No page is begun later than this after the first one. */
  readonly milliseconds: number
}

/** As many pages as fit, at least one. Throws CollectionHeld, StorageUnavailable, DatabaseUnavailable, WriterUnavailable. */
export async function collectFor(
  registry: Registry,
  { cursor, milliseconds, ...options }: RunOptions,
): Promise<CollectPage> {
  const until = performance.now() + milliseconds
  let all = await collectPage(registry, cursor, options)
  while (all.next !== null && performance.now() < until) {
    const page = await collectPage(registry, all.next, options)
    all = { ...sumOf(all, page), next: page.next }
  }
  return all
}
