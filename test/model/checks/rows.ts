/** What must be so in the tables at any moment, asked by statements of their own and not by the code under test. */
import { integer, optionalText, text } from '../../../src/metadata/row.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import type { Model } from '../model.ts'
import { blobsUsedBy, nameOf, REPOSITORIES, stocked } from '../stock.ts'
import type { World } from '../world.ts'

/** Statements that must find nothing, each with what it would mean if it did. */
const NEVER: readonly (readonly [string, string])[] = [
  [
    'a tag names a manifest that is not there',
    `SELECT name AS found FROM tags WHERE NOT EXISTS (SELECT 1 FROM manifests
       WHERE manifests.repository_id = tags.repository_id AND manifests.digest = tags.digest)`,
  ],
  [
    'a manifest, or what lies in the trash, has no bytes',
    `SELECT digest AS found FROM (SELECT digest FROM manifests UNION SELECT digest FROM trashed_manifests) AS needed
       WHERE NOT EXISTS (SELECT 1 FROM manifest_payloads WHERE manifest_payloads.digest = needed.digest)`,
  ],
  [
    'a manifest that is neither there nor in the trash has edges to blobs',
    `SELECT digest AS found FROM manifest_blobs
       WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = manifest_blobs.repository_id AND manifests.digest = manifest)
       AND NOT EXISTS (SELECT 1 FROM trashed_manifests WHERE trashed_manifests.repository_id = manifest_blobs.repository_id AND trashed_manifests.digest = manifest)`,
  ],
  [
    'an index that is neither there nor in the trash has edges to its children',
    `SELECT child AS found FROM manifest_references
       WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = manifest_references.repository_id AND manifests.digest = parent)
       AND NOT EXISTS (SELECT 1 FROM trashed_manifests WHERE trashed_manifests.repository_id = manifest_references.repository_id AND trashed_manifests.digest = parent)`,
  ],
  [
    'a repository shows a blob that is being deleted, or that nobody knows',
    `SELECT digest AS found FROM repository_blobs WHERE NOT EXISTS
       (SELECT 1 FROM blobs WHERE blobs.digest = repository_blobs.digest AND blobs.state <> 'deleting')`,
  ],
  [
    'the history of a tag does not end with what it names',
    `SELECT name AS found FROM tags WHERE 1 <> (SELECT count(*) FROM tag_history
       WHERE tag_history.repository_id = tags.repository_id AND tag_history.name = tags.name
       AND tag_history.digest = tags.digest AND until_at IS NULL)`,
  ],
  [
    'the history of a tag that is not there goes on',
    `SELECT name AS found FROM tag_history WHERE until_at IS NULL AND NOT EXISTS (SELECT 1 FROM tags
       WHERE tags.repository_id = tag_history.repository_id AND tags.name = tag_history.name)`,
  ],
]

/** Throws where a rule is broken, with the rule and what breaks it. */
export async function requireSoundRows(world: World, model: Model): Promise<void> {
  for (const [sentence, statement] of NEVER) {
    const found = await world.rows(statement)
    if (found.length > 0)
      throw new Error(`${sentence}: ${found.map((row) => nameOf(text(row, 'found'))).join(', ')}`)
  }
  await requireStored(world)
  await requireEdges(world, model)
}

/** Invariant 1: a digest visible in metadata is durable in storage. */
async function requireStored(world: World): Promise<void> {
  const statement = `SELECT digest, size FROM blobs WHERE state <> 'deleting'`
  for (const row of await world.rows(statement)) {
    const digest = text(row, 'digest') as Digest
    const stored = await world.storedSize(digest)
    if (stored === integer(row, 'size')) continue
    // It may have been collected since, where that goes on meanwhile.
    const isShown = (await world.rows(`${statement} AND digest = $1`, [digest])).length > 0
    if (isShown)
      throw new Error(`the database shows ${nameOf(digest)}, of which ${stored ?? 'no'} bytes are stored`)
  }
}

/** Every manifest that must be kept has all of its edges, and what it needs is known, unless somebody has unlinked it. */
async function requireEdges(world: World, model: Model): Promise<void> {
  const blobs = new Set(
    (await world.rows(`SELECT digest FROM blobs WHERE state <> 'deleting'`)).map((row) =>
      text(row, 'digest'),
    ),
  )
  const uses = await edgesIn(world, 'manifest_blobs', 'manifest', 'digest')
  const children = await edgesIn(world, 'manifest_references', 'parent', 'child')
  for (const repository of REPOSITORIES) {
    for (const digest of model.keptManifests(repository)) {
      const of = `${repository} ${digest}`
      const manifest = stocked(digest)
      const lost = [
        ...blobsUsedBy(digest).filter((blob) => !uses.has(`${of} ${blob}`)),
        ...manifest.children.map((child) => child.digest).filter((child) => !children.has(`${of} ${child}`)),
      ]
      if (lost.length > 0)
        throw new Error(`${manifest.name} in ${repository} has lost its edges to ${lost.map(nameOf)}`)
      const unknown = manifest.blobs.filter(
        ({ digest: blob }) => model.hasRight(repository, blob) && !blobs.has(blob),
      )
      if (unknown.length > 0)
        throw new Error(
          `${manifest.name} in ${repository} needs ${unknown.map((blob) => nameOf(blob.digest))}, which are gone`,
        )
    }
  }
}

async function edgesIn(world: World, table: string, from: string, to: string): Promise<Set<string>> {
  const rows = await world.rows(
    `SELECT name, ${from} AS origin, ${to} AS target FROM ${table}
     JOIN repositories ON repositories.id = ${table}.repository_id`,
  )
  return new Set(
    rows.map((row) => `${optionalText(row, 'name')} ${text(row, 'origin')} ${text(row, 'target')}`),
  )
}
