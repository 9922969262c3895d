/** The trash is emptied while something of it is needed again. */
import { expect } from 'bun:test'
import { integer } from '../../src/metadata/row.ts'
import type { TrashId } from '../../src/metadata/trash.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { deleteManifest } from '../../src/registry/manifests.ts'
import { type EmptyingResult, emptyTrash, restoreTrash } from '../../src/registry/trash.ts'
import { pushBlob, pushManifest, type Sample } from '../sample-content.ts'
import type { Race, Table } from './race.ts'
import { expectManifests, expectWhole } from './soundness.ts'
import { newRaceImage } from './stock.ts'

interface Deleted {
  readonly repository: RepositoryName
  readonly image: Sample
  readonly blob: Sample
  /** Each deletion of the image, the first one first. */
  readonly deletions: readonly TrashId[]
}

async function deleteOften(table: Table, times: number): Promise<Deleted> {
  const { registry, newRepository, flush } = table
  const repository = newRepository()
  const { image, blob } = newRaceImage()
  await pushBlob(registry, repository, blob)
  for (let time = 1; time <= times; time++) {
    await pushManifest(registry, repository, image)
    await deleteManifest(registry, { repository, digest: image.digest, by: 'deleter' })
  }
  await flush()
  const rows = await table.rows(
    'SELECT id FROM trash WHERE repository_id = (SELECT id FROM repositories WHERE name = $1) ORDER BY id',
    [repository],
  )
  return { repository, image, blob, deletions: rows.map((row) => integer(row, 'id') as TrashId) }
}

/** One and the same deletion is taken back and emptied: one of both happens, and the other is refused. */
export const restoringWhatIsEmptied: Race<Deleted> = {
  home: { module: import.meta.path, race: 'restoringWhatIsEmptied' },
  interruptions: { statements: 1, commands: 2 },
  arrange: (table) => deleteOften(table, 1),
  parties: {
    restorer: ({ registry }, { deletions: [id] }) => restoreTrash(registry, id as TrashId, 'restorer'),
    emptier: ({ registry }, { deletions: [id] }) => emptyTrash(registry, { id: id as TrashId }, 'emptier'),
  },
  async check(table, { repository, image }, { restorer, emptier }) {
    const isRestored = restorer?.kind === 'done'
    // Whoever comes when it has been restored may find nothing to empty.
    const emptied = emptier?.kind === 'done' ? (emptier.value as EmptyingResult).manifests : 0
    expect(emptied).toBe(isRestored ? 0 : 1)
    await expectManifests(table, repository, isRestored ? [image.digest] : [])
    await expectWhole(table, repository)
  },
}

/** Of two deletions of one manifest one is taken back and the other emptied: both happen. */
export const restoringBesideAnother: Race<Deleted> = {
  home: { module: import.meta.path, race: 'restoringBesideAnother' },
  interruptions: { statements: 1, commands: 2 },
  arrange: (table) => deleteOften(table, 2),
  parties: {
    restorer: ({ registry }, { deletions: [id] }) => restoreTrash(registry, id as TrashId, 'restorer'),
    emptier: ({ registry }, { deletions: [, id] }) => emptyTrash(registry, { id: id as TrashId }, 'emptier'),
  },
  async check(table, { repository, image }, { restorer, emptier }) {
    expect([restorer?.kind, emptier?.kind]).toEqual(['done', 'done'])
    await expectManifests(table, repository, [image.digest])
    await expectWhole(table, repository)
  },
}

interface Elsewhere extends Deleted {
  /** Has the image's blobs, and not the image. */
  readonly other: RepositoryName
}

/** The last deletion of a manifest is emptied while the same manifest is pushed to another repository. */
export const pushingWhatIsEmptied: Race<Elsewhere> = {
  home: { module: import.meta.path, race: 'pushingWhatIsEmptied' },
  interruptions: { statements: 1, commands: 2 },
  async arrange(table) {
    const deleted = await deleteOften(table, 1)
    const other = table.newRepository()
    await pushBlob(table.registry, other, deleted.blob)
    await table.flush()
    return { ...deleted, other }
  },
  parties: {
    pusher: ({ registry }, { other, image }) => pushManifest(registry, other, image),
    emptier: ({ registry }, { deletions: [id] }) => emptyTrash(registry, { id: id as TrashId }, 'emptier'),
  },
  async check(table, { other, image }, { pusher, emptier }) {
    expect([pusher?.kind, emptier?.kind]).toEqual(['done', 'done'])
    await expectManifests(table, other, [image.digest])
    await expectWhole(table, other)
  },
}
