/** Files in the tree that are none of a registry's: told, and left as they are. */
import type { TreeReader } from '../tree/odd-entries.ts'
import { finding } from './finding.ts'
import type { Look } from './look.ts'

/** Of each kind in one folder: a person needs no more to see what is going on. */
const MOST_FOREIGN = 100

export function tellForeign(look: Look, { findings }: TreeReader): void {
  for (const { places } of findings.list()) {
    for (const path of places.slice(0, MOST_FOREIGN)) {
      look.tell(
        finding('foreign file', `${path} is none of a registry's files. It is left as it is.`, { path }),
      )
    }
  }
}
