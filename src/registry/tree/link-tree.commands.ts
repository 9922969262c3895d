/** What is written down of marks beside the changes that make them. */
import { command, type Transaction } from '../../metadata/database.ts'
import { clearTreeDirt, noteShown, type TreeMark } from '../../metadata/tree.ts'

interface Cleared {
  readonly marks: readonly { readonly mark: TreeMark; readonly upTo: number }[]
}

/** Forgets marks whose files are durable. Losing this write only means that they are looked at once more. */
export const clearMarksCommand = command('tree.clear', clearAll, { durable: false })

/** Forgets marks that another registry has overtaken: for good, or a power cut would make Berth's change again. */
export const forgetOvertakenCommand = command('tree.forget-overtaken', clearAll)

async function clearAll(tx: Transaction, { marks }: Cleared): Promise<void> {
  for (const { mark, upTo } of marks) await clearTreeDirt(tx, mark, upTo)
}

/** Remembers that the tree has shown marks: a process that is killed then takes nothing along. `at` in milliseconds since 1970. */
export const noteShownCommand = command(
  'tree.note-shown',
  (tx, input: { readonly ids: readonly number[]; readonly at: number }) => noteShown(tx, input),
  { durable: false },
)
