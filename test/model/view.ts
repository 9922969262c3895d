/**
 * What a registry shows, asked as a client would be answered: through the use cases, each byte compared. The trash, which
 * no client sees, is read from its tables.
 */

import type { Content } from '../../src/lib/content.ts'
import { integer, text } from '../../src/metadata/row.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import type { Tag } from '../../src/oci/tag.ts'
import { getBlob } from '../../src/registry/blobs.ts'
import { getManifest } from '../../src/registry/manifests.ts'
import { listReferrers } from '../../src/registry/referrers.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { listRepositoryTags } from '../../src/registry/tags.ts'
import type { Bench } from '../registry-bench.ts'
import type { Trashed } from './model.ts'
import { BLOBS, MANIFESTS, nameOf, REPOSITORIES, TAGS } from './stock.ts'

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
export async function look(registry: Registry, bench: Bench): Promise<View> {
  const repositories = new Map<RepositoryName, RepositoryView>()
  for (const name of REPOSITORIES) repositories.set(name, await lookAt(registry, name))
  return { repositories, trash: await listTrashed(bench) }
}

async function lookAt(registry: Registry, repository: RepositoryName): Promise<RepositoryView> {
  const tags = await readTags(registry, repository)
  const manifests = await readManifests(registry, repository)
  const blobs = new Set<Digest>()
  for (const { digest, bytes } of BLOBS) {
    const found = await orNothing(getBlob(registry, repository, digest), 'BLOB_UNKNOWN')
    if (found === null) continue
    requireSame(await readAll(found.content({ offset: 0, length: found.size })), bytes, digest)
    blobs.add(digest)
  }
  for (const subject of manifests) await requireReferrers(registry, repository, subject, manifests)
  return { tags, manifests, blobs }
}

async function readManifests(registry: Registry, repository: RepositoryName): Promise<Set<Digest>> {
  const found = new Set<Digest>()
  for (const { digest, bytes } of MANIFESTS) {
    const manifest = await orNothing(
      getManifest(registry, repository, { kind: 'digest', digest }),
      'MANIFEST_UNKNOWN',
    )
    if (manifest === null) continue
    requireSame(manifest.bytes, bytes, digest)
    found.add(digest)
  }
  return found
}

async function readTags(registry: Registry, repository: RepositoryName): Promise<Map<Tag, Digest>> {
  const tags = new Map<Tag, Digest>()
  for (const tag of TAGS) {
    const manifest = await orNothing(
      getManifest(registry, repository, { kind: 'tag', tag }),
      'MANIFEST_UNKNOWN',
    )
    if (manifest !== null) tags.set(tag, manifest.digest)
  }
  const listed = await orNothing(
    listRepositoryTags(registry, repository, { after: '', limit: 100 }),
    'NAME_UNKNOWN',
  )
  const [shown, named] = [(listed?.items ?? []).join(' '), [...tags.keys()].join(' ')]
  if (shown !== named) throw new Error(`${repository} lists the tags ${shown}, and answers to ${named}`)
  return tags
}

async function requireReferrers(
  registry: Registry,
  repository: RepositoryName,
  subject: Digest,
  manifests: ReadonlySet<Digest>,
): Promise<void> {
  const asked = { repository, subject, artifactType: null, after: null }
  const { referrers } = await listReferrers(registry, asked)
  const listed = referrers.map(({ digest }) => digest).toSorted()
  const wanted = MANIFESTS.filter((each) => each.subject === subject && manifests.has(each.digest))
  const named = wanted.map(({ digest }) => digest).toSorted()
  if (listed.join() !== named.join())
    throw new Error(
      `${repository} lists of ${nameOf(subject)} the referrers ${listed.map(nameOf)}, not ${named.map(nameOf)}`,
    )
}

/** Oldest first. */
async function listTrashed(bench: Bench): Promise<Trashed[]> {
  const entries = await bench.rows(
    `SELECT trash.id, what, deleted_at, name FROM trash JOIN repositories ON repositories.id = trash.repository_id
     ORDER BY trash.id`,
  )
  const manifests = await bench.rows('SELECT trash_id, digest FROM trashed_manifests ORDER BY digest')
  const tags = await bench.rows('SELECT trash_id, name, digest FROM trashed_tags ORDER BY name')
  return entries.map((entry) => {
    const id = integer(entry, 'id')
    const isMine = (row: Parameters<typeof integer>[0]) => integer(row, 'trash_id') === id
    return {
      id,
      repository: text(entry, 'name') as RepositoryName,
      what: text(entry, 'what'),
      deletedAt: integer(entry, 'deleted_at'),
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

async function readAll(content: Content): Promise<Uint8Array> {
  switch (content.kind) {
    case 'bytes':
      return content.bytes
    case 'file':
      return await Bun.file(content.path)
        .slice(content.offset, content.offset + content.length)
        .bytes()
    case 'stream':
      return Buffer.concat(await Array.fromAsync(content.open()))
    case 'redirect':
      throw new Error('no storage of these tests sends its readers elsewhere')
  }
}

function requireSame(found: Uint8Array, pushed: Uint8Array, digest: Digest): void {
  if (!Buffer.from(found).equals(pushed))
    throw new Error(`${nameOf(digest)} has other bytes than were pushed`)
}
