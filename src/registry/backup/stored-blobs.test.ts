/** After a database came from a backup: what the storage holds lives, what it has lost is forgotten, and nobody is told less than that. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, type OpenBench } from '../../../test/registry-bench.ts'
import { CONFIG, newBlob, newImage, pushBlob, pushManifest } from '../../../test/sample-content.ts'
import { noteDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import { deleteManifest } from '../manifests.ts'
import { type StoredBlobsResult, settleStoredBlobs } from './stored-blobs.ts'

setDefaultTimeout(60_000)

const opened: Bench[] = []
afterEach(async () => {
  for (const bench of opened.splice(0)) await bench.close()
})

async function openMemory(open: OpenBench): Promise<Bench> {
  const bench = await open({ storage: 'memory' })
  opened.push(bench)
  return bench
}

const setState = command(
  'test.set-state',
  async (tx, { digest, state }: { readonly digest: Digest; readonly state: string }) => {
    await tx.run('UPDATE blobs SET state = $2, lease_until = 0 WHERE digest = $1', [digest, state])
    await tx.run('DELETE FROM gc_reviews WHERE digest = $1', [digest])
  },
)

const damage = command('test.damage', (tx, digest: Digest) =>
  noteDamage(tx, { digest, size: 1, why: 'hash' }),
)

function settle({ registry }: Bench, areSound = false): Promise<StoredBlobsResult> {
  return settleStoredBlobs({ database: registry.database, blobs: registry.blobs, areSound })
}

async function blobOf(bench: Bench, { digest }: { readonly digest: Digest }): Promise<unknown> {
  const [row] = await bench.rows('SELECT state, lease_until FROM blobs WHERE digest = $1', [digest])
  return row === undefined ? null : { state: row['state'], isLeased: Number(row['lease_until']) > Date.now() }
}

describeOnDatabases('after a restore', (open) => {
  test.each(['live', 'condemned', 'deleting'])(
    'a blob that was %s lives if its bytes are there, and is looked at again if nothing refers to it',
    async (state) => {
      const bench = await openMemory(open)
      const blob = await pushBlob(bench.registry, bench.newRepository())
      await bench.database.write(setState, { digest: blob.digest, state })
      expect(await settle(bench)).toEqual({ found: 1, lost: 0, brokenInTrash: [] })
      expect(await blobOf(bench, blob)).toEqual({ state: 'live', isLeased: true })
      expect(await bench.rows('SELECT reason FROM gc_reviews WHERE digest = $1', [blob.digest])).toEqual([
        { reason: 'restored' },
      ])
    },
  )

  test('bytes that collection had put aside are put back', async () => {
    const bench = await openMemory(open)
    const blob = await pushBlob(bench.registry, bench.newRepository())
    await bench.registry.blobs.condemn(blob.digest, 1)
    expect(await settle(bench)).toMatchObject({ found: 1, lost: 0 })
    expect(await bench.registry.blobs.stat(blob.digest)).toBe(blob.bytes.length)
  })

  test('a blob without bytes is forgotten, and what needs it in the trash is named', async () => {
    const bench = await openMemory(open)
    const { registry } = bench
    const repository = bench.newRepository()
    const config = await pushBlob(registry, repository, newBlob(CONFIG))
    const image = newImage({ config })
    await pushManifest(registry, repository, image)
    await deleteManifest(registry, { repository, digest: image.digest, by: 'tester' })
    await registry.blobs.condemn(config.digest, 1)
    for await (const found of registry.blobs.listCondemned()) await registry.blobs.unlinkCondemned(found)
    expect(await settle(bench)).toMatchObject({ lost: 1, brokenInTrash: [`${repository}@${image.digest}`] })
    expect(await blobOf(bench, config)).toBeNull()
  })

  test('what was known of damage counts only where bytes have not just been hashed', async () => {
    const bench = await openMemory(open)
    const blob = await pushBlob(bench.registry, bench.newRepository())
    await bench.database.write(damage, blob.digest)
    const damaged = () => bench.rows('SELECT digest FROM damaged_blobs')
    await settle(bench)
    expect(await damaged()).toHaveLength(1)
    await settle(bench, true)
    expect(await damaged()).toEqual([])
  })
})
