/** The writes by which the link tree is made to show a database that was restored: each marks paths, which are settled before it answers. */
import { command, type Transaction } from '../../metadata/database.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { markTree, type RepositoryMark, type TreeMark } from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'

/** At most 250. `named`: what a tag has named before, oldest first. */
export interface RestoredMarks {
  readonly paths: readonly { readonly mark: TreeMark; readonly named: readonly Digest[] }[]
}

export const showRestoredCommand = command(
  'backup.show-restored',
  async (tx, { paths }: RestoredMarks) => {
    for (const { mark, named } of paths) {
      if (mark.kind === 'tag') await markTag(tx, mark, named)
      else await markTree(tx, mark, { before: null, after: mark.key as Digest })
    }
  },
  { durable: false },
)

async function markTag(
  tx: Transaction,
  mark: RepositoryMark & { readonly kind: 'tag' },
  named: readonly Digest[],
): Promise<void> {
  const current = await findTagDigest(tx, mark.repositoryId, mark.key)
  let before: Digest | null = null
  for (const after of [...named.filter((digest) => digest !== current), current]) {
    await markTree(tx, mark, { before, after })
    before = after
  }
}
