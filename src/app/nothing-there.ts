/** What a command is told that finds no server, and nothing to look at either. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { databasePath } from '../storage/layout.ts'

/** There is nothing to look at. The message says why, and what to do. */
export class NothingThere extends Error {
  override readonly name = 'NothingThere'
}

/** The folder of the images. Throws NothingThere where they are in memory. */
export function requireFolder({ driver }: Config['storage']): string {
  if (driver.kind === 'filesystem') return driver.root
  throw new NothingThere(
    'Storage is in memory: only a server that runs knows what is in it, and all of it is gone when Berth stops.',
  )
}

/** The file of SQLite's database. Throws NothingThere where there is none yet. */
export function requireDatabaseFile(chosen: string | null, root: string): string {
  const path = chosen ?? join(root, databasePath)
  if (existsSync(path)) return path
  throw new NothingThere(
    `Berth has no database at ${path}, so it cannot tell what is needed in ${root}. ` +
      'Start it there once, with the same settings: it reads what other registries have left.',
  )
}
