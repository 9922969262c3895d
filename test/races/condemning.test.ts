import { describe, expect, test } from 'bun:test'
import {
  collecting,
  condemning,
  droppingLink,
  mounting,
  naiveCondemning,
  promising,
  promisingCondemned,
  unlinking,
  uploading,
  wakingLate,
} from './condemning.ts'
import { describeRaces, describeRacesOnPostgres, onCourse, RACE_LIMIT } from './describe-races.ts'
import { openOnSqlite } from './on-sqlite.ts'

describeRacesOnPostgres('a plain conditional statement', (explore) => {
  test('loses a blob that a manifest refers to, in some order', async () => {
    const failure = await explore(naiveCondemning).catch((error: unknown) => error)
    expect(failure).toHaveProperty('cause.message', 'a referenced blob is lost')
  })
})

const RACES = [
  ['a manifest is pushed while its blob is condemned', condemning],
  ['a manifest is pushed while its condemned blob loses its links', unlinking],
  ['a manifest is pushed while its blob is collected to the end', collecting],
  ['a manifest follows a HEAD while its blob is collected', promising],
  ['a manifest follows a HEAD of a condemned blob', promisingCondemned],
  ['an upload ends as a blob that is being deleted, and a manifest follows', uploading],
  ['a link is dropped that a manifest comes to use', droppingLink],
  ['a condemned blob is mounted, and a manifest follows', mounting],
] as const

describe('a process on SQLite that is stopped by SIGSTOP before it takes the bytes of a blob away', () => {
  onCourse(openOnSqlite, (explore) => {
    test(
      'and wakes up when they have been pushed again, takes nothing from anybody',
      async () => {
        const { orders } = await explore(wakingLate)
        expect(orders).toBeGreaterThan(1)
      },
      RACE_LIMIT,
    )
  })
})

describeRaces('collection', (explore) => {
  for (const [what, race] of RACES) {
    test(
      `loses nothing and leaves nothing when ${what}`,
      async () => {
        const { orders } = await (explore as (some: unknown) => ReturnType<typeof explore>)(race)
        expect(orders).toBeGreaterThan(1)
      },
      RACE_LIMIT,
    )
  }
})
