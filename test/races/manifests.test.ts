import { expect, test } from 'bun:test'
import { deletingAChild } from './deleting-a-child.ts'
import { describeRaces, RACE_LIMIT } from './describe-races.ts'
import { pushingWhatIsForgotten } from './mending.ts'
import { takingAChild } from './taking-a-child.ts'

describeRaces('a manifest whose bytes are damaged', (explore) => {
  test(
    'is whole when it is pushed while they are forgotten',
    async () => {
      const { orders } = await explore(pushingWhatIsForgotten)
      expect(orders).toBeGreaterThanOrEqual(2)
    },
    RACE_LIMIT,
  )
})

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

describeRaces('a manifest that nothing names', (explore) => {
  test(
    'stays for the index that is pushed while it is taken, or the index is refused',
    async () => {
      const { orders } = await explore(takingAChild)
      expect(orders).toBeGreaterThanOrEqual(2)
    },
    RACE_LIMIT,
  )
})
