/** Once every time is over, and collection has found nothing more to do: nothing is left of what nobody needs. */
import type { Digest } from '../../../src/oci/digest.ts'
import type { Model } from '../model.ts'
import { BLOBS, blobsUsedBy, MANIFESTS, nameOf, REPOSITORIES } from '../stock.ts'
import type { World } from '../world.ts'

/** Tables that have nothing left in them. */
const EMPTY = ['trash', 'trashed_manifests', 'trashed_tags', 'uploads', 'tree_dirty'] as const

export async function requireNoLeftovers(world: World, model: Model): Promise<void> {
  const problems = [
    ...(await rowsLeft(world)),
    ...(await contentLeft(world, model)),
    ...linksLeft(model),
    ...(await world.otherBytes()).map((bytes) => `bytes are left that nobody needs: ${bytes}`),
  ]
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

async function rowsLeft(world: World): Promise<string[]> {
  const problems: string[] = []
  for (const table of [...EMPTY, 'gc_reviews WHERE repository_id = 0']) {
    const rows = await world.rows(`SELECT * FROM ${table}`)
    problems.push(...rows.map((row) => `a row is left in ${table}: ${JSON.stringify(row)}`))
  }
  return problems
}

async function contentLeft(world: World, model: Model): Promise<string[]> {
  const needed = neededDigests(model)
  const problems: string[] = []
  for (const digest of new Set([...BLOBS, ...MANIFESTS].map((each) => each.digest))) {
    if (isUnlinkedInUse(model, digest)) continue
    // In memory the bytes of manifests lie elsewhere than those of blobs.
    if (!world.outlives && MANIFESTS.some((manifest) => manifest.digest === digest)) continue
    const wanted = needed.has(digest) ? 'stored and known' : 'not stored and not known'
    const found = await stateOf(world, digest)
    if (found !== wanted) problems.push(`${nameOf(digest)} is ${found}, and should be ${wanted}`)
  }
  return problems
}

async function stateOf(world: World, digest: Digest): Promise<string> {
  const isStored = (await world.storedSize(digest)) !== null
  const isKnown = await isInTables(world, digest)
  return `${isStored ? '' : 'not '}stored and ${isKnown ? '' : 'not '}known`
}

/** An image of it was broken on purpose: its edge keeps the blob, and building the database anew does not find it. */
function isUnlinkedInUse(model: Model, digest: Digest): boolean {
  return REPOSITORIES.some(
    (repository) => model.isUsed(repository, digest) && !model.mayShow(repository, digest),
  )
}

/** Manifests, and the blobs that they use and have. */
function neededDigests(model: Model): Set<Digest> {
  const needed = new Set<Digest>()
  for (const repository of REPOSITORIES) {
    for (const digest of model.in(repository).manifests) {
      needed.add(digest)
      for (const blob of blobsUsedBy(digest)) if (model.mayShow(repository, blob)) needed.add(blob)
    }
  }
  return needed
}

async function isInTables(world: World, digest: Digest): Promise<boolean> {
  const statement = `SELECT digest FROM blobs WHERE digest = $1 UNION ALL SELECT digest FROM manifest_payloads WHERE digest = $1`
  return (await world.rows(statement, [digest])).length > 0
}

function linksLeft(model: Model): string[] {
  return REPOSITORIES.flatMap((repository) =>
    [...model.in(repository).links.keys()]
      .filter((blob) => !model.isUsed(repository, blob))
      .map((blob) => `${repository} still shows ${nameOf(blob)}, and does not use it`),
  )
}
