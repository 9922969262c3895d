import { expect, test } from 'bun:test'
import { describeRaces, RACE_LIMIT } from './describe-races.ts'
import { pushingWhatIsEmptied, restoringBesideAnother, restoringWhatIsEmptied } from './trash.ts'

const RACES = [
  ['a deletion is taken back while it is emptied', restoringWhatIsEmptied],
  ['a deletion is taken back while another one of the same manifest is emptied', restoringBesideAnother],
  ['a manifest is pushed while its last deletion elsewhere is emptied', pushingWhatIsEmptied],
] as const

describeRaces('the trash', (explore) => {
  for (const [what, race] of RACES) {
    test(
      `when ${what}, one of the orders is as good as the other`,
      async () => {
        const { orders } = await (explore as (some: unknown) => ReturnType<typeof explore>)(race)
        expect(orders).toBeGreaterThan(2)
      },
      RACE_LIMIT,
    )
  }
})
