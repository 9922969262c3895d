/** Forgets marks whose files are durable. Losing this write only means that the files are looked at once more. */
import { command } from '../../metadata/database.ts'
import { clearTreeDirt, type TreeMark } from '../../metadata/tree.ts'

export const clearMarksCommand = command(
  'tree.clear',
  async (tx, input: { readonly shown: readonly { readonly mark: TreeMark; readonly upTo: number }[] }) => {
    for (const { mark, upTo } of input.shown) await clearTreeDirt(tx, mark, upTo)
  },
  { durable: false },
)
