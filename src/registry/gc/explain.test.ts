/** Whoever asks why a digest is still here is told who needs it, or when it goes, or where it went. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, type OpenBench } from '../../../test/registry-bench.ts'
import {
  CONFIG,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushImage,
  pushManifest,
  sample,
} from '../../../test/sample-content.ts'
import { noteDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import { deleteManifest } from '../manifests.ts'
import type { Policy } from '../registry.ts'
import { beginUpload } from '../uploads.ts'
import { explainDigest } from './explain.ts'

setDefaultTimeout(30_000)

const opened: Bench[] = []
afterEach(async () => {
  for (const bench of opened.splice(0)) await bench.close()
})

async function openMemory(open: OpenBench, policy: Partial<Policy> = {}): Promise<Bench> {
  const bench = await open({ storage: 'memory', policy })
  opened.push(bench)
  return bench
}

const setBlob = command(
  'test.set-blob',
  async (tx, { digest, set }: { readonly digest: string; readonly set: string }) => {
    await tx.run(`UPDATE blobs SET ${set} WHERE digest = $1`, [digest])
  },
)

const HOUR = 3_600_000

describeOnDatabases('an explanation', (open) => {
  test('of what is used names the manifests, their tags, and the indexes that list them', async () => {
    const bench = await openMemory(open)
    const { registry } = bench
    const repository = bench.newRepository()
    const config = await pushBlob(registry, repository, newBlob(CONFIG))
    const image = newImage({ config })
    await pushManifest(registry, repository, image, image.digest, { tagged: ['1.0', 'latest'] })
    const index = newIndex([image])
    await pushManifest(registry, repository, index, 'multi')
    const { why, goesAt, users, links } = await explainDigest(registry, config.digest)
    expect(goesAt).toBeNull()
    expect(why).toEqual([
      `${repository}@${image.digest} uses it, tagged 1.0, latest, listed by ${index.digest} (multi).`,
      'It stays for as long as that is so.',
    ])
    expect(users.items).toMatchObject([{ repository, isLive: true, tags: { items: ['1.0', 'latest'] } }])
    expect(links.items.map((link) => link.repository)).toEqual([repository])
    const ofIndex = await explainDigest(registry, index.digest)
    expect(ofIndex.why[0]).toBe(`${repository} has it as a manifest, tagged multi.`)
  })

  test('of what only an untagged manifest uses tells of the rule for those, where there is one', async () => {
    const bench = await openMemory(open, { untagged: { deleteAfter: 30 * 24 * HOUR } })
    const repository = bench.newRepository()
    const image = await pushImage(bench.registry, repository)
    const { why } = await explainDigest(bench.registry, image.digest)
    expect(why[1]).toContain('one that nothing names for 30 d is deleted')
    await pushManifest(bench.registry, repository, image, '1.0')
    expect((await explainDigest(bench.registry, image.digest)).why[1]).toStartWith('It stays')
  })

  test('of what very many images share names some of them, and says how many more there are', async () => {
    const bench = await openMemory(open)
    const { registry } = bench
    const repository = bench.newRepository()
    const base = await pushBlob(registry, repository)
    for (let at = 0; at < 25; at++) {
      const config = await pushBlob(registry, repository, newBlob(CONFIG))
      await pushManifest(registry, repository, newImage({ config, layers: [base] }))
    }
    const { users, why } = await explainDigest(registry, base.digest)
    expect([users.items.length, users.more]).toEqual([10, 15])
    expect(why).toContain('And 15 more manifests do, deleted ones included.')
  })

  test('of what only the trash holds says until when it can be restored, and that a grace follows', async () => {
    const bench = await openMemory(open)
    const { registry } = bench
    const repository = bench.newRepository()
    const config = await pushBlob(registry, repository, newBlob(CONFIG))
    const image = newImage({ config })
    await pushManifest(registry, repository, image, '1.0')
    await deleteManifest(registry, { repository, digest: image.digest, by: 'ann' })
    const { why, goesAt, users } = await explainDigest(registry, config.digest)
    const { collection, trash } = registry.policy
    const until = users.items[0]?.restorableUntil ?? 0
    expect(until).toBeGreaterThan(Date.now() + trash.keepFor - HOUR)
    expect(goesAt).toBe(until + collection.grace + collection.condemnedFor + collection.unlinkAfter)
    expect(why[0]).toStartWith(`${repository}@${image.digest}, deleted and restorable until `)
    // The manifest itself has no grace: it goes with the deletion.
    const ofManifest = await explainDigest(registry, image.digest)
    expect(ofManifest.goesAt).toBe(until + collection.unlinkAfter)
    expect(ofManifest.why[0]).toStartWith(`${repository}, deleted and restorable until `)
  })

  test('of what nothing refers to follows it from its grace to its deletion', async () => {
    const bench = await openMemory(open)
    const { registry, database } = bench
    const { collection } = registry.policy
    const { digest } = await pushBlob(registry, bench.newRepository())
    const fresh = await explainDigest(registry, digest)
    const since = fresh.blob?.unreferencedSince ?? 0
    expect(fresh.goesAt).toBe(since + collection.grace + collection.condemnedFor + collection.unlinkAfter)
    expect(fresh.review?.reason).toBe('blob uploaded')
    expect(fresh.why.join(' ')).toContain('Nothing has referred to it since')
    expect(fresh.why.join(' ')).toContain('(its lease)')

    await database.write(setBlob, { digest, set: `state = 'condemned', lease_until = 0` })
    const condemned = await explainDigest(registry, digest)
    expect(condemned.why[0]).toContain('it is condemned: it is deleted from')
    expect(condemned.goesAt).toBe((condemned.review?.dueAt ?? 0) + collection.unlinkAfter)

    await database.write(setBlob, { digest, set: `state = 'deleting'` })
    expect((await explainDigest(registry, digest)).why[0]).toContain('it is being deleted')
  })

  test('of bytes that lie aside says when they were deleted, and until when they are there', async () => {
    const bench = await openMemory(open)
    const { registry, database } = bench
    const { digest } = await pushBlob(registry, bench.newRepository())
    await registry.blobs.condemn(digest, 1)
    const missing = await explainDigest(registry, digest)
    expect(missing.why.at(-1)).toContain('Its file is missing')
    const forget = command('test.forget', (tx, _: null) =>
      tx.run('DELETE FROM blobs WHERE digest = $1', [digest]),
    )
    await database.write(forget, null)
    const { why, goesAt, condemned } = await explainDigest(registry, digest)
    expect(why[0]).toStartWith('It was deleted at ')
    expect(goesAt).toBe((condemned.items[0]?.since ?? 0) + registry.policy.collection.unlinkAfter)
  })

  test('of what an upload is about to make a blob says so', async () => {
    const bench = await openMemory(open)
    const { registry, database } = bench
    const repository = bench.newRepository()
    const { digest } = newBlob()
    const session = await beginUpload(registry, { repository, principal: 'tester', algorithm: 'sha256' })
    const close = command('test.close', (tx, _: null) =>
      tx.run('UPDATE uploads SET closing = $1 WHERE id = $2', [digest, session.id]),
    )
    await database.write(close, null)
    const { why, uploads } = await explainDigest(registry, digest)
    expect(why).toEqual(['An upload is about to make it a blob.'])
    expect(uploads.items).toEqual([{ id: session.id, repository }])
  })

  test('of what is damaged says since when, and what heals it', async () => {
    const bench = await openMemory(open)
    const { registry, database } = bench
    const { digest, bytes } = await pushBlob(registry, bench.newRepository())
    const damage = command('test.damage', (tx, _: null) =>
      noteDamage(tx, { digest, size: bytes.length, why: 'hash' }),
    )
    await database.write(damage, null)
    const { why } = await explainDigest(registry, digest)
    expect(why.at(-1)).toMatch(/^Its bytes were found damaged at .* \(hash\)\. Push it again to heal it\.$/)
  })

  test('of a file that the database does not know says so, and of what was never here too', async () => {
    const bench = await openMemory(open)
    const { registry, database } = bench
    const stray = await pushBlob(registry, bench.newRepository())
    const forget = command('test.forget', async (tx, _: null) => {
      await tx.run('DELETE FROM blobs WHERE digest = $1', [stray.digest])
      await tx.run('DELETE FROM gc_reviews WHERE digest = $1', [stray.digest])
    })
    await database.write(forget, null)
    expect((await explainDigest(registry, stray.digest)).why[0]).toContain('the database knows nothing')
    const never = await explainDigest(registry, sample(OCTET_STREAM, 'never seen').digest)
    expect([never.goesAt, never.why]).toEqual([null, [expect.stringContaining('it was never here')]])
  })
})
