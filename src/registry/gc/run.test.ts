/** Collecting now: no grace is waited for, every lease is, and what garbage-collect has found goes the same way. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { HOUR, letPass } from '../../../test/collection-bench.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { blobFacts, fileOf, tagsOf, trashOf } from '../../../test/registry-facts.ts'
import { newBlob, newImage, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { promiseBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import type { Registry } from '../registry.ts'
import { emptyTrash } from '../trash.ts'
import { goThroughTree } from '../tree/tree-pass.ts'
import { COLLECT_BEGIN, type CollectCursor, CollectionHeld, collectNow, collectPage } from './collect.ts'
import type { GarbageCursor } from './garbage.ts'
import { takeUntaggedCommand } from './garbage-deletion.commands.ts'
import { deleteGarbage } from './garbage-deletion.ts'
import type { KeepRules } from './kept.ts'

setDefaultTimeout(30_000)

describeOnDatabases('collecting now', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  const signal = AbortSignal.timeout(60_000)

  /** Whole, with a link tree that is synced now and then as a server's is. */
  async function collect(): Promise<void> {
    const flushing = setInterval(() => void bench.tree.flush(bench.database), 50)
    await collectNow(bench.registry, { signal, unlinkAfter: -60_000 })
    clearInterval(flushing)
  }

  function isThere({ digest }: Sample): boolean {
    return existsSync(fileOf(bench, digest))
  }

  test('takes what nothing needs, without its grace, and frees the space', async () => {
    const [loose, used] = await Promise.all([1, 2].map(() => pushBlob(bench.registry, repository)))
    if (loose === undefined || used === undefined) throw new Error('nothing was pushed')
    await pushManifest(bench.registry, repository, newImage({ config: used }), 'v1')
    await letPass(bench, HOUR + 1000)
    await collect()
    expect([loose, used].map(isThere)).toEqual([false, true])
    expect(await blobFacts(bench, loose.digest)).toBeNull()
    expect(await Array.fromAsync(bench.registry.blobs.listCondemned())).toEqual([])
  })

  test('leaves alone what a push has just named', async () => {
    const blob = await pushBlob(bench.registry, repository)
    await collect()
    expect(await blobFacts(bench, blob.digest)).toHaveProperty('state', 'live')
  })

  test('goes on where the last page ended, whoever carries the place', async () => {
    const blobs = await Promise.all(Array.from({ length: 60 }, () => pushBlob(bench.registry, repository)))
    await letPass(bench, HOUR + 1000)
    let pages = 0
    for (let cursor: CollectCursor | null = COLLECT_BEGIN; cursor !== null; pages++) {
      await bench.tree.flush(bench.database)
      const page = await collectPage(bench.registry, JSON.parse(JSON.stringify(cursor)), { signal })
      cursor = page.next
    }
    expect(pages).toBeGreaterThan(2)
    expect(blobs.filter(isThere)).toEqual([])
  })

  test('is refused in read-only mode, with a sentence', async () => {
    const registry = { ...bench.registry, policy: { ...bench.registry.policy, isReadOnly: true } }
    expect(await failureOf(collectNow(registry, { signal }))).toBeInstanceOf(CollectionHeld)
  })

  async function deleteAllGarbage(registry: Registry, rules: KeepRules): Promise<number> {
    let trashed = 0
    for (let cursor: GarbageCursor | null = null; ; ) {
      const page = await deleteGarbage(registry, rules, { cursor, by: 'ann' })
      trashed += page.trashed
      if (page.next === null) return trashed
      cursor = page.next
    }
  }

  /** The folder gone through, as a server's is. */
  async function checked(): Promise<Bench> {
    const started = await bench.restarted()
    const { tree } = started.registry
    if (tree === null) throw new Error('there is no tree')
    const onError = (error: Error) => {
      throw error
    }
    await goThroughTree(tree, { process: 'test', signal, onProgress: () => {}, onError })
    return started
  }

  test('takes bytes that no blob knows, once garbage-collect has come upon them', async () => {
    await pushBlob(bench.registry, repository)
    const lost = newBlob()
    const file = fileOf(bench, lost.digest)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, lost.bytes)
    utimesSync(file, new Date(), new Date(Date.now() - 2 * HOUR))
    const { registry } = await checked()
    await collect()
    expect(isThere(lost)).toBe(true)
    await deleteAllGarbage(registry, { deleteUntagged: false })
    await collect()
    expect(isThere(lost)).toBe(false)
  })

  test('after manifests without a tag went into the trash, and only they, leaves what they need', async () => {
    const config = await pushBlob(bench.registry, repository)
    const [tagged, loose] = [newImage({ config }), newImage({ config })]
    await pushManifest(bench.registry, repository, tagged, 'v1')
    await pushManifest(bench.registry, repository, loose)
    const { registry } = await checked()
    expect(await deleteAllGarbage(registry, { deleteUntagged: true })).toBeGreaterThan(0)
    expect(await trashOf(bench, repository)).toMatchObject([{ what: 'manifest', manifests: [loose.digest] }])
    await letPass(bench, HOUR + 1000)
    await collect()
    expect([config, tagged, loose].map(isThere)).toEqual([true, true, true])
  })

  test('keeps a manifest that was given a tag after it had been found without one', async () => {
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config })
    await pushManifest(bench.registry, repository, image)
    await pushManifest(bench.registry, repository, image, 'late')
    const input = { repository, digests: [image.digest], by: 'ann', lease: HOUR, untaggedBefore: null }
    expect(await bench.database.write(takeUntaggedCommand, input)).toBe(0)
    expect(await tagsOf(bench, repository)).toEqual({ late: image.digest })
  })

  test('beside a server keeps what was pushed by its digest just now: an index may be about to list it', async () => {
    const config = await pushBlob(bench.registry, repository)
    const [old, young] = [newImage({ config }), newImage({ config })]
    for (const image of [old, young]) await pushManifest(bench.registry, repository, image)
    const age = command('test.age', (tx, digest: Digest) =>
      tx.run('UPDATE manifests SET created_at = created_at - $2 WHERE digest = $1', [digest, 2 * HOUR]),
    )
    await bench.database.write(age, old.digest)
    const { registry } = await checked()
    await deleteAllGarbage(registry, { deleteUntagged: true, untaggedBefore: Date.now() - HOUR })
    expect(await trashOf(bench, repository)).toMatchObject([{ what: 'manifest', manifests: [old.digest] }])
    // Found long ago, or by a clock that is ahead.
    const ahead = {
      repository,
      digests: [young.digest],
      by: 'ann',
      lease: HOUR,
      untaggedBefore: Date.now() + HOUR,
    }
    expect(await bench.database.write(takeUntaggedCommand, ahead)).toBe(0)
  })

  test('leaves alone what somebody was told is there, though only an image in the trash used it', async () => {
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config })
    await pushManifest(bench.registry, repository, image, 'v1')
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    await letPass(bench, HOUR + 1000)
    await promiseBlob(bench.registry, repository, config.digest)
    await emptyTrash(bench.registry, { repository }, 'ann')
    await collect()
    await pushManifest(bench.registry, repository, newImage({ config }), 'v2')
    expect(isThere(config)).toBe(true)
  })
})
