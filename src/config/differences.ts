/** Which settings of two readings are not the same, for whoever has changed a file while the server runs. */
import { type Draft, isBranch, nameOf, type Place } from './draft.ts'

/** Their names as the file writes them, such as `http.host`; a list is one setting. */
export function differences(before: Draft, after: Draft): string[] {
  return differing([], before.tree, after.tree)
}

function differing(place: Place, before: unknown, after: unknown): string[] {
  if (Bun.deepEquals(before, after)) return []
  if (!isBranch(before) && !isBranch(after)) return [nameOf(place)]
  const [older, newer] = [childrenOf(before), childrenOf(after)]
  const keys = new Set([...Object.keys(older), ...Object.keys(newer)])
  if (keys.size === 0) return [nameOf(place)]
  return [...keys].flatMap((key) => differing([...place, key], older[key], newer[key]))
}

/** A section that is not there has nothing in it. */
function childrenOf(value: unknown): Readonly<Record<string, unknown>> {
  return isBranch(value) ? value : {}
}
