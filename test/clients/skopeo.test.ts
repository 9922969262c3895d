/** skopeo (the library of podman, buildah and CRI-O too) against Berth. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { command, tryCommand } from '../tools/command.ts'
import { contentsOf, type Image, readLayout, writeLayout } from './images.ts'
import { expectServed, getManifest, listTags } from './registry-contents.ts'
import { largeImage, multiArchImage, smallImage } from './sample-images.ts'
import { describeClient } from './workbench.ts'

const PLAIN_SOURCE = '--src-tls-verify=false'
const PLAIN_TARGET = '--dest-tls-verify=false'
const PLAIN = '--tls-verify=false'

describeClient('skopeo', ['skopeo'], ({ skopeo }, bench) => {
  async function copy(...args: string[]): Promise<string> {
    return await command(skopeo, ['--insecure-policy', 'copy', PLAIN_SOURCE, PLAIN_TARGET, ...args])
  }

  /** Pushes with the digests kept as they are. */
  async function push(image: Image, name: string): Promise<void> {
    const layout = writeLayout(bench.folder('layout'), image, 'it')
    await copy('--all', '--preserve-digests', `oci:${layout}:it`, `docker://${bench.host}/${name}`)
  }

  async function pull(name: string): Promise<Map<string, Uint8Array>> {
    const folder = join(bench.folder('pulled'), 'layout')
    await copy('--all', '--preserve-digests', `docker://${bench.host}/${name}`, `oci:${folder}:it`)
    return readLayout(folder)
  }

  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    test(`an image with ${compression} layers comes back byte for byte`, async () => {
      const image = smallImage(`skopeo ${compression}`, compression)
      await push(image, `skopeo/${compression}:1`)
      await expectServed(bench.url, `skopeo/${compression}`, '1', image)
      expect(await pull(`skopeo/${compression}:1`)).toEqual(contentsOf(image))
      expect(await pull(`skopeo/${compression}@${image.root.digest}`)).toEqual(contentsOf(image))
    })
  }

  bench.testTransfer('a layer of 60 MB comes back byte for byte', async () => {
    const image = largeImage('skopeo')
    await push(image, 'skopeo/large:1')
    const folder = join(bench.folder('pulled'), 'dir')
    await copy('--preserve-digests', `docker://${bench.host}/skopeo/large:1`, `dir:${folder}`)
    for (const { digest, bytes } of image.blobs) {
      const stored = await Bun.file(join(folder, digest.slice('sha256:'.length))).bytes()
      expect(Bun.deepEquals(stored, bytes)).toBe(true)
    }
  })

  test('a multi-architecture index comes back byte for byte', async () => {
    const index = multiArchImage('skopeo')
    await push(index, 'skopeo/multi:1')
    await expectServed(bench.url, 'skopeo/multi', '1', index)
    expect(await pull('skopeo/multi:1')).toEqual(contentsOf(index))
    const raw = await command(skopeo, ['inspect', PLAIN, '--raw', `docker://${bench.host}/skopeo/multi:1`])
    expect(raw).toBe(new TextDecoder().decode(index.root.bytes))
  })

  test('a copy from repository to repository keeps digests, and converts to Docker schema 2 when asked', async () => {
    const image = smallImage('copied')
    await push(image, 'skopeo/one:1')
    const source = `docker://${bench.host}/skopeo/one:1`
    await copy('--preserve-digests', source, `docker://${bench.host}/skopeo/two/nested:1`)
    await expectServed(bench.url, 'skopeo/two/nested', '1', image)
    await copy('--format', 'v2s2', source, `docker://${bench.host}/skopeo/docker:1`)
    const converted = await getManifest(bench.url, 'skopeo/docker', '1')
    expect(converted.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json')
    await command(skopeo, ['inspect', PLAIN, `docker://${bench.host}/skopeo/docker:1`])
  })

  test('a copy mounts what another repository of the registry has', async () => {
    const image = smallImage('mounted')
    await push(image, 'skopeo/mount/from:1')
    const target = `docker://${bench.host}/skopeo/mount/to:1`
    const source = `docker://${bench.host}/skopeo/mount/from:1`
    const debug = ['--insecure-policy', '--debug', 'copy', PLAIN_SOURCE, PLAIN_TARGET, '--preserve-digests']
    const copied = await tryCommand(skopeo, [...debug, source, target])
    expect(copied.exitCode).toBe(0)
    expect(copied.stderr).toContain('... mount OK')
    await expectServed(bench.url, 'skopeo/mount/to', '1', image)
  })

  test('tags are listed, and a deleted image is gone', async () => {
    const [first, second] = [smallImage('tag a'), smallImage('tag b')]
    await push(first, 'skopeo/tags:a')
    await push(second, 'skopeo/tags:b')
    await push(second, 'skopeo/tags:c')
    const listed = await command(skopeo, ['list-tags', PLAIN, `docker://${bench.host}/skopeo/tags`])
    expect((JSON.parse(listed) as { Tags: string[] }).Tags.sort()).toEqual(['a', 'b', 'c'])
    await command(skopeo, ['delete', PLAIN, `docker://${bench.host}/skopeo/tags:b`])
    expect(await listTags(bench.url, 'skopeo/tags')).toEqual(['a'])
    const gone = await tryCommand(skopeo, ['inspect', PLAIN, `docker://${bench.host}/skopeo/tags:c`])
    expect(gone.exitCode).not.toBe(0)
    expect(await pull('skopeo/tags:a')).toEqual(contentsOf(first))
  })

  test('sync copies a repository with all its tags into a folder', async () => {
    const image = smallImage('synced')
    await push(image, 'skopeo/sync:a')
    await push(image, 'skopeo/sync:b')
    const folder = bench.folder('sync')
    const from = ['--src', 'docker', `${bench.host}/skopeo/sync`]
    await command(skopeo, ['--insecure-policy', 'sync', PLAIN_SOURCE, ...from, '--dest', 'dir', folder])
    for (const tag of ['a', 'b']) {
      const manifest = await Bun.file(join(folder, `sync:${tag}`, 'manifest.json')).bytes()
      expect(manifest).toEqual(image.root.bytes)
    }
  })
})
