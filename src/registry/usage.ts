/**
 * What everything takes up: a tag, a manifest, a repository, and all of it. Of a repository and of all the counters are
 * read, after whatever has changed was counted, so that the answer is about this moment; of an image its own edges are.
 * Nothing is ever gone through as a whole.
 */
import { type Read, WriterUnavailable } from '../metadata/database.ts'
import { findRepositoryName } from '../metadata/repositories.ts'
import { findTagDigest } from '../metadata/tags.ts'
import { DatabaseUnavailable } from '../metadata/unavailable.ts'
import {
  findTotals,
  type LargestPlace,
  listLargestRepositories,
  NOTHING,
  type Total,
  type TotalKind,
} from '../metadata/usage.ts'
import { numberOfUsageChanges } from '../metadata/usage-changes.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Reference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { type BlobStore, StorageUnavailable } from '../storage/blob-store.ts'
import type { Registry } from './registry.ts'
import { getRepositoryId } from './repositories.ts'
import { findImageUsage, type ImageUsage } from './usage/image.ts'
import { countUsageCommand } from './usage.commands.ts'

/** Whether the sums are of this moment. */
export interface Counting {
  readonly isComplete: boolean
  /** How many changes have not been counted yet, as far as a thousand. */
  readonly waiting: number
}

/** Of one repository: bytes, and how many digests they are; each digest counts once. */
export interface RepositoryUsage {
  readonly repository: RepositoryName
  /** What its manifests use, they included. */
  readonly size: Total
  /** Of that, what no other repository uses, and what others use too. */
  readonly unique: Total
  readonly shared: Total
  /** What only its trash uses. */
  readonly trash: Total
  /** What it may read and does not use. */
  readonly reclaimable: Total
  readonly counting: Counting
}

/** Some repositories, the largest first. */
export interface RepositoryUsages {
  readonly repositories: readonly Omit<RepositoryUsage, 'counting'>[]
  /** The last of them, after which the next page begins; null on the last page. */
  readonly next: LargestPlace | null
  readonly counting: Counting
}

/** Of everything that is stored. */
export interface RegistryUsage {
  /** All that follows: what the storage holds under the digests that the database knows. */
  readonly stored: Total
  /** What manifests use, they included. */
  readonly live: Total
  /** Of that, what one repository alone uses, and what several do. */
  readonly unique: Total
  readonly shared: Total
  /** What only the trash uses. */
  readonly trash: Total
  /** What nothing uses: it goes when its grace is over. */
  readonly reclaimable: Total
  /** What is being deleted. */
  readonly leaving: Total
  /**
   * What was deleted a moment ago, and is no part of what is stored: its bytes lie aside until nobody can want them back.
   * Null where that is too much to be added up for an answer, or cannot be looked at now.
   */
  readonly aside: Total | null
  readonly counting: Counting
}

/** How long an answer may wait for the counting, in milliseconds. */
const PATIENCE = 2_000
const MOST_WAITING = 1_000
/** Files that are added up for one answer. */
const MOST_ASIDE = 10_000

/** Throws DatabaseUnavailable. */
export async function usageOfAll(registry: Registry): Promise<RegistryUsage> {
  const counting = await countChanges(registry, PATIENCE)
  const totals = await findTotals(registry.database, 0)
  const of = (kind: TotalKind) => totals.get(kind) ?? NOTHING
  const [live, unique, trash] = [of('live'), of('unique'), of('trash')]
  const [reclaimable, leaving] = [of('reclaimable'), of('leaving')]
  const stored = [live, trash, reclaimable, leaving].reduce(sum)
  const shared = without(live, unique)
  const aside = await findAside(registry.blobs)
  return { stored, live, unique, shared, trash, reclaimable, leaving, aside, counting }
}

/** Only that is asked of the storage, for the database forgets what it has deleted. */
async function findAside(blobs: BlobStore): Promise<Total | null> {
  let [bytes, digests] = [0, 0]
  try {
    for await (const { size } of blobs.listCondemned()) {
      if (digests === MOST_ASIDE) return null
      bytes += size
      digests++
    }
  } catch (error) {
    if (error instanceof StorageUnavailable) return null
    throw error
  }
  return { bytes, digests }
}

/** Throws NAME_UNKNOWN, DatabaseUnavailable. */
export async function usageOfRepository(
  registry: Registry,
  repository: RepositoryName,
): Promise<RepositoryUsage> {
  const id = await getRepositoryId(registry.database, repository)
  const counting = await countChanges(registry, PATIENCE)
  return { repository, ...(await findSums(registry.database, id)), counting }
}

/** A page of repositories in the order of their sizes. Throws DatabaseUnavailable. */
export async function usageOfLargest(
  registry: Registry,
  { after, limit }: { readonly after: LargestPlace | null; readonly limit: number },
): Promise<RepositoryUsages> {
  const { database } = registry
  const counting = await countChanges(registry, PATIENCE)
  const places = await listLargestRepositories(database, { after, limit: limit + 1 })
  const page = places.slice(0, limit)
  const repositories: Omit<RepositoryUsage, 'counting'>[] = []
  for (const { repository: id } of page) {
    const repository = await findRepositoryName(database, id)
    if (repository !== null) repositories.push({ repository, ...(await findSums(database, id)) })
  }
  return { repositories, next: places.length > limit ? (page.at(-1) ?? null) : null, counting }
}

async function findSums(
  read: Read,
  repository: number,
): Promise<Omit<RepositoryUsage, 'repository' | 'counting'>> {
  const totals = await findTotals(read, repository)
  const of = (kind: TotalKind) => totals.get(kind) ?? NOTHING
  const [size, unique] = [of('live'), of('unique')]
  return {
    size,
    unique,
    shared: without(size, unique),
    trash: of('trash'),
    reclaimable: of('reclaimable'),
  }
}

/** Of a tag or a manifest, one in the trash too. Throws NAME_UNKNOWN, MANIFEST_UNKNOWN, DatabaseUnavailable. */
export async function usageOfImage(
  registry: Registry,
  repository: RepositoryName,
  reference: Reference,
): Promise<ImageUsage> {
  const { database } = registry
  const id = await getRepositoryId(registry.database, repository)
  const tag = reference.kind === 'tag' ? reference.tag : null
  const digest =
    reference.kind === 'tag' ? await findTagDigest(database, id, reference.tag) : reference.digest
  const usage = digest === null ? null : await findImageUsage(database, { repository: id, digest, tag })
  if (usage !== null) return usage
  const what = tag === null ? `manifest ${digest}` : `tag ${tag}`
  throw new RegistryError('MANIFEST_UNKNOWN', `There is no ${what} in ${repository}.`)
}

/**
 * Counts what has changed, for at most so many milliseconds. Where nothing can be written the answer is what was
 * counted last, and says so. Throws DatabaseUnavailable where it cannot be read either.
 */
export async function countChanges(
  { database }: Pick<Registry, 'database'>,
  patience: number,
  signal: AbortSignal | null = null,
): Promise<Counting> {
  const deadline = performance.now() + patience
  try {
    while ((await numberOfUsageChanges(database, 1)) > 0) {
      if (performance.now() > deadline || signal?.aborted === true) break
      await database.write(countUsageCommand, null)
    }
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable || error instanceof WriterUnavailable)) throw error
  }
  const waiting = await numberOfUsageChanges(database, MOST_WAITING)
  return { isComplete: waiting === 0, waiting }
}

function sum(one: Total, other: Total): Total {
  return { bytes: one.bytes + other.bytes, digests: one.digests + other.digests }
}

function without(whole: Total, part: Total): Total {
  return { bytes: whole.bytes - part.bytes, digests: whole.digests - part.digests }
}
