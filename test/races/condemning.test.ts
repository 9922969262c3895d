import { expect, test } from 'bun:test'
import { naiveCondemning } from './condemning.ts'
import { describeRacesOnPostgres, RACE_LIMIT } from './describe-races.ts'

describeRacesOnPostgres('a manifest pushed against the collection of its blob', (explore) => {
  test(
    'a plain conditional statement loses the referenced blob in some order',
    async () => {
      const failure = await explore(naiveCondemning).catch((error: unknown) => error)
      expect(failure).toHaveProperty('cause.message', 'a referenced blob is lost')
    },
    RACE_LIMIT,
  )
})
