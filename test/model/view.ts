/**
 * What a registry shows, asked as a client would be answered: each byte compared. The trash, which
 * no client sees, is read from its tables.
 */

import type { Row } from '../../src/metadata/database.ts'
import { integer, text } from '../../src/metadata/row.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import type { Tag } from '../../src/oci/tag.ts'
import type { Client } from './client.ts'
import type { Trashed } from './model.ts'
import { BLOBS, MANIFESTS, nameOf, REPOSITORIES, TAGS } from './stock.ts'
import type { World } from './world.ts'

export interface RepositoryView {
  readonly manifests: ReadonlySet<Digest>
  readonly tags: ReadonlyMap<Tag, Digest>
  readonly blobs: ReadonlySet<Digest>
}

export interface View {
  readonly repositories: ReadonlyMap<RepositoryName, RepositoryView>
  readonly trash: readonly Trashed[]
}

/** Throws where anything is shown that has other bytes than were pushed, or is listed otherwise than it is found. */
export async function look(world: World): Promise<View> {
  const repositories = new Map<RepositoryName, RepositoryView>()
  for (const name of REPOSITORIES) repositories.set(name, await lookAt(world.client, name))
  return { repositories, trash: await listTrashed(world) }
}

async function lookAt(client: Client, repository: RepositoryName): Promise<RepositoryView> {
  const tags = await readTags(client, repository)
  const manifests = await readManifests(client, repository)
  const blobs = new Set<Digest>()
  for (const { digest, bytes } of BLOBS) {
    const found = await orNothing(client.readBlob(repository, digest), 'BLOB_UNKNOWN')
    if (found === null) continue
    requireSame(found, bytes, digest)
    blobs.add(digest)
  }
  for (const subject of manifests) await requireReferrers(client, repository, subject, manifests)
  return { tags, manifests, blobs }
}

async function readManifests(client: Client, repository: RepositoryName): Promise<Set<Digest>> {
  const found = new Set<Digest>()
  for (const { digest, bytes } of MANIFESTS) {
    const manifest = await orNothing(client.readManifest(repository, digest), 'MANIFEST_UNKNOWN')
    if (manifest === null) continue
    requireSame(manifest.bytes, bytes, digest)
    found.add(digest)
  }
  return found
}

async function readTags(client: Client, repository: RepositoryName): Promise<Map<Tag, Digest>> {
  const tags = new Map<Tag, Digest>()
  for (const tag of TAGS) {
    const manifest = await orNothing(client.readManifest(repository, tag), 'MANIFEST_UNKNOWN')
    if (manifest !== null) tags.set(tag, manifest.digest)
  }
  const listed = await orNothing(client.listTags(repository), 'NAME_UNKNOWN')
  const [shown, named] = [(listed ?? []).join(' '), [...tags.keys()].join(' ')]
  if (shown !== named) throw new Error(`${repository} lists the tags ${shown}, and answers to ${named}`)
  return tags
}

async function requireReferrers(
  client: Client,
  repository: RepositoryName,
  subject: Digest,
  manifests: ReadonlySet<Digest>,
): Promise<void> {
  const listed = (await client.listReferrers(repository, subject)).toSorted()
  const wanted = MANIFESTS.filter((each) => each.subject === subject && manifests.has(each.digest))
  const named = wanted.map(({ digest }) => digest).toSorted()
  if (listed.join() !== named.join())
    throw new Error(
      `${repository} lists of ${nameOf(subject)} the referrers ${listed.map(nameOf)}, not ${named.map(nameOf)}`,
    )
}

/** Oldest first. */
async function listTrashed(world: World): Promise<Trashed[]> {
  const entries = await world.rows(
    `SELECT trash.id, what, trash.deleted_at, name FROM trash JOIN repositories ON repositories.id = trash.repository_id
     ORDER BY trash.id`,
  )
  const manifests = await world.rows('SELECT trash_id, digest FROM trashed_manifests ORDER BY digest')
  const tags = await world.rows('SELECT trash_id, name, digest FROM trashed_tags ORDER BY name')
  const links = await world.rows('SELECT trash_id, digest FROM trashed_blobs')
  return entries.map((entry) => {
    const id = integer(entry, 'id')
    const isMine = (row: Row) => integer(row, 'trash_id') === id
    return {
      id,
      repository: text(entry, 'name') as RepositoryName,
      what: text(entry, 'what'),
      deletedAt: integer(entry, 'deleted_at'),
      links: new Set(links.filter(isMine).map((row) => text(row, 'digest') as Digest)),
      manifests: manifests.filter(isMine).map((row) => text(row, 'digest') as Digest),
      tags: new Map(
        tags.filter(isMine).map((row) => [text(row, 'name') as Tag, text(row, 'digest') as Digest]),
      ),
    }
  })
}

/** Null where it is refused with that code: there is no such thing. */
async function orNothing<Found>(asking: Promise<Found>, code: string): Promise<Found | null> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof RegistryError && error.code === code) return null
    throw error
  }
}

function requireSame(found: Uint8Array, pushed: Uint8Array, digest: Digest): void {
  if (!Buffer.from(found).equals(pushed))
    throw new Error(`${nameOf(digest)} has other bytes than were pushed`)
}
