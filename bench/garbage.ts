/**
 * A volume with content that nothing needs: written as files, taken over by the server in a first start in which it
 * collects nothing, so that what is measured afterwards is collection alone.
 */
import { Database } from 'bun:sqlite'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseRepositoryName } from '../src/oci/repository-name.ts'
import { layerLinkPath } from '../src/storage/layout.ts'
import { makeOldVolume, putBlob, putLink } from '../test/old-volume.ts'
import { until } from '../test/until.ts'
import { LONGEST_MILLISECONDS } from './metric.ts'
import type { Subject } from './subject.ts'

/** The first one of an old volume: it has tags, which distribution's own collection insists on. */
const REPOSITORY = parseRepositoryName('team-0')

/** Of the image: a config, a layer of its own, another, and one that all images have. */
const KEPT_BLOBS = 4
const KEPT_MANIFESTS = 1

/** Fills the folder with an image that stays, and so many blobs that its repository links and no image uses. */
export function makeGarbage(data: string, blobs: number): void {
  makeOldVolume(data, { repositories: 1, tags: 1 })
  for (let count = 0; count < blobs; count++) {
    const { digest } = putBlob(data, `nothing needs blob ${count}`)
    putLink(data, layerLinkPath(REPOSITORY, digest), digest)
  }
}

/** Starts a server that collects nothing until it knows all of the folder, ends it, and lets some time pass. */
export async function adoptGarbage(subject: Subject): Promise<void> {
  {
    await using _ = await subject.start(subject.contestant.collects?.not)
    await until('everything is indexed', () => isIndexed(subject.data), {
      withinMilliseconds: LONGEST_MILLISECONDS,
    })
  }
  using database = new Database(databaseIn(subject.data))
  // What has just been found is left alone for an hour.
  database.run('UPDATE blobs SET lease_until = 0')
  database.run('UPDATE gc_reviews SET due_at = 0')
}

/** Whether the server's database has all of the folder. */
export function isIndexed(data: string): boolean {
  return asked(data, `SELECT 1 AS found FROM settings WHERE key = 'tree.done'`) !== null
}

/** How many blobs the server's database knows beside those that stay. */
export function countKnown(data: string): number {
  return (asked(data, 'SELECT count(*) AS found FROM blobs') ?? 0) - KEPT_BLOBS
}

function databaseIn(data: string): string {
  return join(data, 'berth/berth.db')
}

function asked(data: string, sql: string): number | null {
  const path = databaseIn(data)
  if (!existsSync(path)) return null
  const database = new Database(path, { readonly: true })
  try {
    return (database.query(sql).get() as { found: number } | null)?.found ?? null
  } finally {
    database.close()
  }
}

/** How much content takes up space beside what stays: in its place, or where a server puts it aside before it goes. */
export function countStored(data: string): number {
  const aside = join(data, 'berth/condemned')
  return countFiles(join(data, 'docker/registry/v2/blobs')) + countFiles(aside) - KEPT_BLOBS - KEPT_MANIFESTS
}

function countFiles(folder: string): number {
  if (!existsSync(folder)) return 0
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}
