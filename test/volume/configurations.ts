/** The ways of running Berth in which a folder goes to and fro between it and another registry. */
import { afterAll, beforeAll, describe } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'

export interface Place {
  /** A folder that belongs to this description alone. */
  readonly data: string
  readonly env: Record<string, string>
}

/** Describes the same for one process, for two workers, and for PostgreSQL, each with a folder of its own. */
export function describeWays(subject: string, suite: (place: () => Place) => void): void {
  describeWith(subject, ['docker-registry'], () => {
    describe('with one process', () => describePlace(async () => ({}), suite))
    describe('with two workers', () => describePlace(async () => ({ BERTH_WORKERS: '2' }), suite))
  })
  describeWith(subject, ['docker-registry', 'initdb', 'postgres'], () => {
    let postgres: PostgresServer
    beforeAll(async () => {
      postgres = await startPostgres()
    })
    afterAll(() => postgres.stop())
    describe('with two workers on PostgreSQL', () =>
      describePlace(
        async () => ({ BERTH_WORKERS: '2', BERTH_DATABASE_URL: await postgres.createDatabase() }),
        suite,
      ))
  })
}

function describePlace(
  environment: () => Promise<Record<string, string>>,
  suite: (place: () => Place) => void,
): void {
  let place: Place
  beforeAll(async () => {
    place = { data: mkdtempSync(join(tmpdir(), 'volume-test-')), env: await environment() }
  })
  afterAll(() => rmSync(place.data, { recursive: true, force: true }))
  suite(() => place)
}
