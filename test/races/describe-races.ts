/** Suites of races on both databases: statement by statement on PostgreSQL, and by whole commands on SQLite. */
import { afterAll, beforeAll, describe } from 'bun:test'
import { describeWith } from '../tools/describe-with.ts'
import { openOnPostgres } from './on-postgres.ts'
import { openOnSqlite } from './on-sqlite.ts'
import type { Explored } from './orders.ts'
import type { Race, RaceCourse } from './race.ts'

type Explore = <Facts>(race: Race<Facts>) => Promise<Explored>

/** Milliseconds for a test that explores one. */
export const RACE_LIMIT = 60_000

export function describeRaces(subject: string, suite: (explore: Explore) => void): void {
  describe(`${subject}, between two processes on SQLite`, () => onCourse(openOnSqlite, suite))
  describeRacesOnPostgres(subject, suite)
}

export function describeRacesOnPostgres(subject: string, suite: (explore: Explore) => void): void {
  describeWith(`${subject}, between two sessions of PostgreSQL`, ['initdb', 'postgres'], () =>
    onCourse(openOnPostgres, suite),
  )
}

/** Opens the place before the tests, and closes it behind them. */
export function onCourse(open: () => Promise<RaceCourse>, suite: (explore: Explore) => void): void {
  let course: RaceCourse | undefined
  beforeAll(async () => {
    course = await open()
  }, RACE_LIMIT)
  afterAll(() => course?.[Symbol.asyncDispose](), RACE_LIMIT)
  suite((race) => {
    if (course === undefined) throw new Error('the course was not opened')
    return course.explore(race)
  })
}
