/** What is written down of marks beside the changes that make them. Losing any of it only means that the files are looked at once more. */
import { command } from '../../metadata/database.ts'
import { clearTreeDirt, noteShown, type TreeMark } from '../../metadata/tree.ts'

/** Forgets marks whose files are durable. */
export const clearMarksCommand = command(
  'tree.clear',
  async (tx, input: { readonly shown: readonly { readonly mark: TreeMark; readonly upTo: number }[] }) => {
    for (const { mark, upTo } of input.shown) await clearTreeDirt(tx, mark, upTo)
  },
  { durable: false },
)

/** Remembers that the tree has shown marks: a process that is killed then takes nothing along. `at` in milliseconds since 1970. */
export const noteShownCommand = command(
  'tree.note-shown',
  (tx, input: { readonly ids: readonly number[]; readonly at: number }) => noteShown(tx, input),
  { durable: false },
)
