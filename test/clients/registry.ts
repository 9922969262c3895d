/**
 * The registry that the client suites talk to: Berth on a fresh folder, on its defaults or on PostgreSQL.
 * `TEST_STAND_IN=docker-registry npm test -- clients` puts `registry:2` in its place, which tells whether
 * something surprising is the client's doing or ours.
 */
import { startBerth } from '../berth-server.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { startPostgres } from '../postgres-server.ts'

export interface Registry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>`: what stands before an image's name. */
  readonly host: string
  log(): string
}

/** True when the suites run against `registry:2`, which knows no referrers and no tag deletion. */
export const isStandIn = process.env['TEST_STAND_IN'] === 'docker-registry'

/** What Berth keeps its facts in; the stand-in has no choice. */
export const DATABASES = isStandIn ? (['SQLite'] as const) : (['SQLite', 'PostgreSQL'] as const)

export type Database = 'SQLite' | 'PostgreSQL'

/** Starts the registry that the suite is about. */
export async function startRegistry(database: Database): Promise<Registry> {
  if (isStandIn) return await startDockerRegistry()
  return database === 'SQLite' ? await startBerth() : await startOnPostgres()
}

/** On a PostgreSQL of its own, which ends with it. */
async function startOnPostgres(): Promise<Registry> {
  const postgres = await startPostgres()
  try {
    const berth = await startBerth({ env: { BERTH_DATABASE_URL: await postgres.createDatabase() } })
    return {
      url: berth.url,
      host: berth.host,
      log: berth.log,
      async [Symbol.asyncDispose]() {
        await berth[Symbol.asyncDispose]()
        await postgres.stop()
      },
    }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}
