import { expect, test } from 'bun:test'
import { deletingAChild } from './deleting-a-child.ts'
import { describeRaces, RACE_LIMIT } from './describe-races.ts'

describeRaces('a manifest that is deleted', (explore) => {
  test(
    'while its index is pushed leaves the index and the trash whole',
    async () => {
      const { orders } = await explore(deletingAChild)
      expect(orders).toBeGreaterThanOrEqual(2)
    },
    RACE_LIMIT,
  )
})
