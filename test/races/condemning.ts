/** A manifest is pushed while what it needs is taken for unreferenced. */
import { expect } from 'bun:test'
import { command } from '../../src/metadata/database.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { mountBlob, promiseBlob } from '../../src/registry/blobs.ts'
import { reviewBlobsCommand } from '../../src/registry/gc/reviews.commands.ts'
import { pushBlob, pushManifest, type Sample } from '../sample-content.ts'
import {
  cleanUp,
  collect,
  collectOnePage,
  endLease,
  forgetOthers,
  LEASES,
  NO_TIMES,
  stateOf,
} from './collecting.ts'
import type { Outcome } from './outcome.ts'
import type { Hand, Race, Table } from './race.ts'
import { expectGone, expectManifests, expectWhole } from './soundness.ts'
import { newRaceImage } from './stock.ts'

interface Facts {
  readonly repository: RepositoryName
  readonly image: Sample
  /** All that the image needs. */
  readonly blob: Sample
}

/** A blob that was uploaded some time ago, and that no manifest has used. */
async function uploadLoose(table: Table): Promise<Facts> {
  await forgetOthers(table)
  const repository = table.newRepository()
  const { image, blob } = newRaceImage()
  await pushBlob(table.registry, repository, blob)
  await endLease(table, blob.digest)
  await table.flush()
  return { repository, image, blob }
}

/** The same, found by collection some time ago. */
async function uploadCondemned(table: Table): Promise<Facts> {
  const facts = await uploadLoose(table)
  while ((await stateOf(table, facts.blob.digest)) !== 'condemned') await review(table, facts)
  return facts
}

/** The same, whose bytes are about to be taken away. */
async function uploadDeleting(table: Table): Promise<Facts> {
  const facts = await uploadCondemned(table)
  while ((await stateOf(table, facts.blob.digest)) !== 'deleting') await review(table, facts)
  await table.flush()
  return facts
}

/** The update that condemns, alone. */
function review({ registry }: Hand, { blob }: Facts): Promise<unknown> {
  const times = { grace: 0, condemnedFor: 0, isHurried: true }
  return registry.database.write(reviewBlobsCommand, { digests: [blob.digest], ...times })
}

function push({ registry }: Hand, { repository, image }: Facts): Promise<unknown> {
  return pushManifest(registry, repository, image)
}

/** What was acknowledged is whole for good; what was refused leaves nothing behind. */
async function expectAllOrNothing(table: Table, { repository, image, blob }: Facts, pusher?: Outcome) {
  const isStored = pusher?.kind === 'done'
  await expectManifests(table, repository, isStored ? [image.digest] : [])
  if (isStored) await expectWhole(table, repository)
  await cleanUp(table)
  if (isStored) await expectWhole(table, repository)
  else await expectGone(table, blob.digest)
}

/** The plain conditional statement that decides by another table's rows alone. */
const deleteWhereUnreferenced = command('race.naive-delete', (tx, input: { readonly digest: string }) =>
  tx.run(
    `DELETE FROM blobs WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM manifest_blobs WHERE digest = $1)`,
    [input.digest],
  ),
)

export const naiveCondemning: Race<Facts> = {
  home: home('naiveCondemning'),
  policy: NO_TIMES,
  arrange: uploadLoose,
  parties: {
    pusher: push,
    collector: ({ registry }, { blob }) => registry.database.write(deleteWhereUnreferenced, blob),
  },
  async check(table, { blob }, { pusher }) {
    const isLost = (await stateOf(table, blob.digest)) === null
    if (pusher?.kind === 'done' && isLost) throw new Error('a referenced blob is lost')
  },
}

/** Each statement of one look at the blob against each of the push. */
export const condemning: Race<Facts> = {
  home: home('condemning'),
  policy: NO_TIMES,
  arrange: uploadLoose,
  parties: { pusher: push, collector: review },
  check: (table, facts, { pusher }) => expectAllOrNothing(table, facts, pusher),
}

/** The look after which its links go and its bytes may be taken away. */
export const unlinking: Race<Facts> = {
  ...condemning,
  home: home('unlinking'),
  interruptions: { statements: 2 },
  arrange: uploadCondemned,
}

/** All of collection, to its end. */
export const collecting: Race<Facts> = {
  ...condemning,
  home: home('collecting'),
  interruptions: { statements: 1, commands: 2 },
  parties: { pusher: push, collector: collect },
}

/** Whoever is told by HEAD that the blob is there pushes the manifest: it is still there then. */
export const promising: Race<Facts> = {
  home: home('promising'),
  policy: LEASES,
  interruptions: { statements: 1, commands: 2 },
  arrange: uploadLoose,
  parties: {
    async pusher(hand, facts) {
      await promiseBlob(hand.registry, facts.repository, facts.blob.digest)
      await push(hand, facts)
    },
    collector: collect,
  },
  async check(table, facts, { pusher }) {
    // Not MANIFEST_BLOB_UNKNOWN: the HEAD itself may say that it is gone.
    if (pusher?.kind === 'refused') expect(pusher.code).toBe('BLOB_UNKNOWN')
    await expectAllOrNothing(table, facts, pusher)
  },
}

export const promisingCondemned: Race<Facts> = {
  ...promising,
  home: home('promisingCondemned'),
  arrange: uploadCondemned,
}

/** A condemned blob is mounted in another repository, and a manifest pushed there. */
export const mounting: Race<Facts & { readonly other: RepositoryName }> = {
  home: home('mounting'),
  policy: LEASES,
  interruptions: { statements: 1, commands: 2 },
  async arrange(table) {
    return { ...(await uploadCondemned(table)), other: table.newRepository() }
  },
  parties: {
    async pusher(hand, facts) {
      const { other, repository, blob } = facts
      const mount = { from: repository, scope: { kind: 'everything' }, by: 'mounter' } as const
      const input = { ...mount, repository: other, digest: blob.digest }
      if (!(await mountBlob(hand.registry, input))) return false
      await push(hand, { ...facts, repository: other })
      return true
    },
    collector: collect,
  },
  async check(table, facts, { pusher }) {
    // What was mounted can be used; what was not is uploaded by its client.
    if (pusher?.kind !== 'done') throw new Error(`the push was ${Bun.inspect(pusher)}`)
    const isMounted = pusher.value === true
    const place = { ...facts, repository: facts.other }
    if (isMounted) return await expectAllOrNothing(table, place, pusher)
    await cleanUp(table)
    await expectGone(table, facts.blob.digest)
  },
}

/** An upload ends as a blob whose bytes are being taken away. */
export const uploading: Race<Facts> = {
  home: home('uploading'),
  policy: LEASES,
  interruptions: { statements: 1, commands: 1 },
  arrange: uploadDeleting,
  parties: {
    async pusher(hand, facts) {
      await pushBlob(hand.registry, facts.repository, facts.blob)
      await push(hand, facts)
    },
    collector: collect,
  },
  async check(table, facts, { pusher }) {
    expect(pusher?.kind).toBe('done')
    await expectAllOrNothing(table, facts, pusher)
  },
}

/** Who takes the bytes away has decided to and sleeps then; it wakes up when they have been pushed again. */
export const wakingLate: Race<Facts> = {
  ...uploading,
  home: home('wakingLate'),
  interruptions: { statements: 1, commands: 1 },
  stopsBefore: 'files: condemn',
}

/** Another repository's manifest keeps the blob; this one's link to it is dropped while a manifest here comes to use it. */
export const droppingLink: Race<Facts> = {
  home: home('droppingLink'),
  policy: NO_TIMES,
  interruptions: { statements: 1, commands: 2 },
  async arrange(table) {
    const facts = await uploadLoose(table)
    const other = table.newRepository()
    await pushBlob(table.registry, other, facts.blob)
    const { image } = newRaceImage(facts.blob)
    await pushManifest(table.registry, other, image)
    await endLease(table, facts.blob.digest)
    await table.flush()
    return facts
  },
  parties: { pusher: push, collector: collectOnePage },
  async check(table, { repository, image }, { pusher }) {
    if (pusher?.kind === 'refused') expect(pusher.code).toBe('MANIFEST_BLOB_UNKNOWN')
    await expectManifests(table, repository, pusher?.kind === 'done' ? [image.digest] : [])
    await expectWhole(table, repository)
    await cleanUp(table)
    await expectWhole(table, repository)
  },
}

function home(race: string): { readonly module: string; readonly race: string } {
  return { module: import.meta.path, race }
}
