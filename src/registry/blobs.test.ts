/** Reading, mounting and unlinking blobs: who may read what, and what is said of a file that is not as it should be. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { blobFacts, eventsOf, marksOf, reviewsOf } from '../../test/registry-facts.ts'
import { newBlob, newImage, pushBlob, pushManifest, type Sample } from '../../test/sample-content.ts'
import type { Content } from '../lib/content.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { blobDataPath } from '../storage/layout.ts'
import { getBlob, mountBlob, unlinkBlob } from './blobs.ts'
import { listRepositories } from './repositories.ts'
import { listRepositoryTags } from './tags.ts'

const scope = { kind: 'everything' } as const

describeOnDatabases('blobs', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())

  function mount(blob: Sample, to: RepositoryName, from: RepositoryName | null): Promise<boolean> {
    return mountBlob(bench.registry, { repository: to, digest: blob.digest, from, scope, by: 'ann' })
  }

  function unlink(blob: Sample, repository: RepositoryName): Promise<void> {
    return unlinkBlob(bench.registry, { repository, digest: blob.digest, by: 'ann' })
  }

  async function isReadable(repository: RepositoryName, blob: Sample): Promise<boolean> {
    const found = await getBlob(bench.registry, repository, blob.digest).catch(() => null)
    return found !== null
  }

  describe('getting one', () => {
    test('gives its size and any part of it', async () => {
      const repository = bench.newRepository()
      const blob = await pushBlob(bench.registry, repository)
      const found = await getBlob(bench.registry, repository, blob.digest)
      expect(found.size).toBe(blob.bytes.length)
      expect(await bytesOf(found.content({ offset: 0, length: found.size }))).toEqual(blob.bytes)
      expect(await bytesOf(found.content({ offset: 2, length: 3 }))).toEqual(blob.bytes.slice(2, 5))
    })

    test('that the repository does not link is unknown, though another one has it', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      await pushBlob(bench.registry, own)
      for (const each of [own, bench.newRepository()]) {
        const error = await failureOf(getBlob(bench.registry, each, blob.digest))
        expect(error).toHaveProperty('code', 'BLOB_UNKNOWN')
        expect(error.message).toContain(blob.digest)
        expect(error.message).toContain(each)
      }
    })

    test('whose file is missing says so, and is repaired by a push', async () => {
      const repository = bench.newRepository()
      const blob = await pushBlob(bench.registry, repository)
      rmSync(fileOf(blob))
      const error = await failureOf(getBlob(bench.registry, repository, blob.digest))
      expect(error).toHaveProperty('code', 'BLOB_UNKNOWN')
      expect(error.message).toContain('file is missing')
      expect(error.message).toContain('again')
      await pushBlob(bench.registry, repository, blob)
      expect(await isReadable(repository, blob)).toBe(true)
    })

    test('whose file has another size says so', async () => {
      const repository = bench.newRepository()
      const blob = await pushBlob(bench.registry, repository)
      truncateSync(fileOf(blob), 3)
      const error = await failureOf(getBlob(bench.registry, repository, blob.digest))
      expect(error).toHaveProperty('code', 'BLOB_UNKNOWN')
      expect(error.message).toContain(`3 bytes instead of ${blob.bytes.length}`)
    })
  })

  describe('mounting', () => {
    test('by name makes it readable here too', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      const before = await blobFacts(bench, blob.digest)
      expect(await mount(blob, own, other)).toBe(true)
      expect(await isReadable(own, blob)).toBe(true)
      const after = await blobFacts(bench, blob.digest)
      expect(after?.epoch).toBe((before?.epoch ?? 0) + 1)
      expect(after?.leaseUntil).toBeGreaterThanOrEqual(before?.leaseUntil ?? 0)
      expect(await marksOf(bench, own)).toEqual([
        `layer ${blob.digest} = null`,
        `layer ${blob.digest} = ${blob.digest}`,
      ])
    })

    test('is an event, once', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      await mount(blob, own, other)
      await mount(blob, own, other)
      const events = await eventsOf(bench, own)
      expect(events).toMatchObject([{ kind: 'blob.mounted', by: 'ann', digest: blob.digest }])
    })

    test('without a name takes it from whoever has it', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      expect(await mount(blob, own, null)).toBe(true)
      expect(await isReadable(own, blob)).toBe(true)
    })

    test('of what the other one has not, or nobody has, is no error and changes nothing', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      const elsewhere = bench.newRepository()
      await pushBlob(bench.registry, elsewhere)
      expect(await mount(blob, own, elsewhere)).toBe(false)
      expect(await mount(blob, own, bench.newRepository())).toBe(false)
      expect(await mount(newBlob(), own, other)).toBe(false)
      expect(await mount(newBlob(), own, null)).toBe(false)
      expect(await isReadable(own, blob)).toBe(false)
      const nothing = listRepositoryTags(bench.registry, own, { after: '', limit: 1 })
      expect(await failureOf(nothing)).toHaveProperty('code', 'NAME_UNKNOWN')
    })

    test('of a damaged one is not done, so that it is uploaded and repaired', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const [missing, short] = [await pushBlob(bench.registry, other), await pushBlob(bench.registry, other)]
      rmSync(fileOf(missing))
      truncateSync(fileOf(short), 1)
      for (const blob of [missing, short]) {
        expect(await mount(blob, own, other)).toBe(false)
        expect(await mount(blob, own, null)).toBe(false)
      }
    })

    test('takes it from nowhere but what the caller may read, named or not', async () => {
      const [own, other, third] = [bench.newRepository(), bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, other)
      const from = (name: RepositoryName | null, names: RepositoryName[]) =>
        mountBlob(bench.registry, {
          repository: own,
          digest: blob.digest,
          from: name,
          scope: { kind: 'repositories', names },
          by: 'ann',
        })
      for (const name of [other, null]) {
        expect(await from(name, [])).toBe(false)
        expect(await from(name, [own, third])).toBe(false)
      }
      expect(await isReadable(own, blob)).toBe(false)
      expect(await from(null, [third, other])).toBe(true)
      expect(await from(other, [third, other])).toBe(true)
    })

    test('to where it is already changes nothing', async () => {
      const repository = bench.newRepository()
      const blob = await pushBlob(bench.registry, repository)
      expect(await mount(blob, repository, repository)).toBe(true)
      expect(await eventsOf(bench, repository)).toEqual([])
    })

    test('does not bring the repository into the list', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      await mount(await pushBlob(bench.registry, other), own, other)
      const { items } = await listRepositories(bench.registry, scope, { after: '', limit: 1000 })
      expect(items).not.toContain(own)
    })
  })

  describe('unlinking', () => {
    test('makes it unreadable here, and leaves it to the other one', async () => {
      const [own, other] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, own)
      await mount(blob, other, own)
      await unlink(blob, own)
      expect(await isReadable(own, blob)).toBe(false)
      expect(await isReadable(other, blob)).toBe(true)
    })

    test('is an event that names who did it', async () => {
      const own = bench.newRepository()
      const blob = await pushBlob(bench.registry, own)
      await unlink(blob, own)
      expect(await eventsOf(bench, own)).toEqual([{ kind: 'blob.unlinked', by: 'ann', digest: blob.digest }])
    })

    test('leaves the bytes, to be looked at by collection', async () => {
      const own = bench.newRepository()
      const blob = await pushBlob(bench.registry, own)
      expect(await reviewsOf(bench, blob.digest)).toEqual(['blob: blob uploaded'])
      await unlink(blob, own)
      expect(await reviewsOf(bench, blob.digest)).toEqual(['blob: link dropped'])
      expect(await bench.registry.blobs.stat(blob.digest)).toBe(blob.bytes.length)
      expect((await marksOf(bench, own)).at(-1)).toBe(`layer ${blob.digest} = null`)
    })

    test('twice, or what was never there, is unknown', async () => {
      const own = bench.newRepository()
      const blob = await pushBlob(bench.registry, own)
      await unlink(blob, own)
      for (const each of [own, bench.newRepository()]) {
        const error = await failureOf(unlink(blob, each))
        expect(error).toHaveProperty('code', 'BLOB_UNKNOWN')
        expect(error.message).toContain(each)
      }
    })

    test('and pushing again links it again', async () => {
      const own = bench.newRepository()
      const blob = await pushBlob(bench.registry, own)
      await unlink(blob, own)
      await pushBlob(bench.registry, own, blob)
      expect(await isReadable(own, blob)).toBe(true)
    })

    test('what a manifest uses keeps what the manifest says', async () => {
      const own = bench.newRepository()
      const config = await pushBlob(bench.registry, own, newBlob(OCTET_STREAM))
      const image = newImage({ config })
      await pushManifest(bench.registry, own, image, 'v1')
      await unlink(config, own)
      const error = await failureOf(pushManifest(bench.registry, own, image, 'v2'))
      expect(error).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
    })
  })

  function fileOf(blob: Sample): string {
    return join(bench.root, blobDataPath(blob.digest))
  }
})

async function bytesOf(content: Content): Promise<Uint8Array> {
  if (content.kind !== 'file') throw new Error(`a file was expected, not ${content.kind}`)
  const { path, offset, length } = content
  return new Uint8Array(
    await Bun.file(path)
      .slice(offset, offset + length)
      .arrayBuffer(),
  )
}
