/** oras (whose library helm and notation use too) against Berth: artifacts and their referrers. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { command, tryCommand } from '../tools/command.ts'
import { contentsOf, digestOf, type Image, noise, readLayout, writeLayout } from './images.ts'
import { pushImage } from './push.ts'
import { isStandIn } from './registry.ts'
import { expectServed, getManifest, listTags } from './registry-contents.ts'
import { artifactOf, largeImage, multiArchImage, smallImage } from './sample-images.ts'
import { describeClient } from './workbench.ts'

const PLAIN = '--plain-http'
const SIGNATURE = 'application/vnd.example.signature.v1'

type Discovered = { referrers?: { digest: string; artifactType: string }[] }

describeClient('oras', ['oras'], ({ oras }, bench) => {
  async function copyIn(image: Image, name: string): Promise<void> {
    const layout = writeLayout(bench.folder('layout'), image, 'it')
    await command(oras, [
      'cp',
      '--from-oci-layout',
      '--to-plain-http',
      `${layout}:it`,
      `${bench.host}/${name}`,
    ])
  }

  async function copyOut(name: string, ...flags: string[]): Promise<Map<string, Uint8Array>> {
    const folder = join(bench.folder('pulled'), 'layout')
    const target = `${folder}:it`
    await command(oras, [
      'cp',
      ...flags,
      '--from-plain-http',
      '--to-oci-layout',
      `${bench.host}/${name}`,
      target,
    ])
    return readLayout(folder)
  }

  test('files pushed as an artifact come back byte for byte', async () => {
    const folder = bench.folder('files')
    const bytes = noise('oras file', 300_000)
    await Bun.write(join(folder, 'data.bin'), bytes)
    await Bun.write(join(folder, 'note.txt'), 'a note\n')
    const target = `${bench.host}/oras/files:1`
    const files = ['data.bin:application/octet-stream', 'note.txt:text/plain']
    const kind = ['--artifact-type', 'application/vnd.example.files.v1']
    await command(oras, ['push', PLAIN, ...kind, target, ...files], { cwd: folder })
    const pulled = bench.folder('pulled')
    await command(oras, ['pull', PLAIN, '-o', pulled, target])
    expect(await Bun.file(join(pulled, 'data.bin')).bytes()).toEqual(bytes)
    expect(await Bun.file(join(pulled, 'note.txt')).text()).toBe('a note\n')
  })

  test('an image, an index and a layer of 60 MB come back byte for byte', async () => {
    for (const image of [smallImage('oras', 'zstd'), multiArchImage('oras'), largeImage('oras')]) {
      await copyIn(image, 'oras/copied:1')
      await expectServed(bench.url, 'oras/copied', '1', image)
      const pulled = await copyOut('oras/copied:1')
      expect([...pulled.keys()].sort()).toEqual([...contentsOf(image).keys()].sort())
    }
  })

  if (!isStandIn) {
    test('referrers are attached, discovered, filtered, copied along, and gone when deleted', async () => {
      const image = smallImage('signed')
      await copyIn(image, 'oras/signed:1')
      const folder = bench.folder('attached')
      await Bun.write(join(folder, 'signature.sig'), 'signed by me')
      const subject = `${bench.host}/oras/signed:1`
      const attach = ['attach', PLAIN, '--disable-path-validation', '--artifact-type']
      await command(oras, [...attach, SIGNATURE, subject, 'signature.sig:text/plain'], { cwd: folder })
      await command(oras, [...attach, 'application/vnd.example.sbom.v1', subject, 'signature.sig'], {
        cwd: folder,
      })
      const discover = ['discover', PLAIN, '--format', 'json', '--distribution-spec', 'v1.1-referrers-api']
      const all = JSON.parse(await command(oras, [...discover, subject])) as Discovered
      expect(all.referrers?.map((each) => each.artifactType).sort()).toEqual([
        'application/vnd.example.sbom.v1',
        SIGNATURE,
      ])
      const filtered = JSON.parse(
        await command(oras, [...discover, '--artifact-type', SIGNATURE, subject]),
      ) as Discovered
      expect(filtered.referrers).toHaveLength(1)
      const copied = await copyOut('oras/signed:1', '--recursive')
      for (const { digest } of all.referrers ?? []) expect(copied.has(digest)).toBe(true)
      const signature = filtered.referrers?.[0]?.digest ?? ''
      await command(oras, ['manifest', 'delete', PLAIN, '-f', `${bench.host}/oras/signed@${signature}`])
      const left = JSON.parse(await command(oras, [...discover, subject])) as Discovered
      expect(left.referrers).toHaveLength(1)
    })

    test('a referrer may arrive before its subject', async () => {
      const image = smallImage('late subject')
      const signature = artifactOf(image.root, SIGNATURE)
      await pushImage(bench.url, 'oras/early', null, signature)
      await copyIn(image, 'oras/early:1')
      const found = await command(oras, ['discover', PLAIN, '--format', 'json', `${bench.host}/oras/early:1`])
      expect((JSON.parse(found) as Discovered).referrers?.map((each) => each.digest)).toEqual([
        signature.root.digest,
      ])
    })
  }

  test('a blob is pushed, fetched and deleted', async () => {
    const bytes = noise('oras blob', 100_000)
    const file = join(bench.folder('blob'), 'blob')
    await Bun.write(file, bytes)
    const name = `${bench.host}/oras/blobs@${digestOf(bytes)}`
    await command(oras, ['blob', 'push', PLAIN, `${bench.host}/oras/blobs`, file])
    const output = join(bench.folder('blob'), 'fetched')
    await command(oras, ['blob', 'fetch', PLAIN, '--output', output, name])
    expect(await Bun.file(output).bytes()).toEqual(bytes)
    await command(oras, ['blob', 'delete', PLAIN, '-f', name])
    const gone = await tryCommand(oras, ['blob', 'fetch', PLAIN, '--output', output, name])
    expect(gone.exitCode).not.toBe(0)
  })

  test('tags are added, listed, resolved; a deleted manifest is gone', async () => {
    const image = smallImage('oras tags')
    await copyIn(image, 'oras/tags:a')
    await command(oras, ['tag', PLAIN, `${bench.host}/oras/tags:a`, 'b', 'c'])
    const listed = await command(oras, ['repo', 'tags', PLAIN, `${bench.host}/oras/tags`])
    expect(listed.trim().split('\n').sort()).toEqual(['a', 'b', 'c'])
    expect((await command(oras, ['resolve', PLAIN, `${bench.host}/oras/tags:c`])).trim()).toBe(
      image.root.digest,
    )
    expect((await getManifest(bench.url, 'oras/tags', 'b')).digest).toBe(image.root.digest)
    await command(oras, ['manifest', 'delete', PLAIN, '-f', `${bench.host}/oras/tags@${image.root.digest}`])
    expect(await listTags(bench.url, 'oras/tags')).toEqual([])
  })

  test('repositories are listed below a prefix', async () => {
    await copyIn(smallImage('listed'), 'oras/list/one:1')
    await copyIn(smallImage('listed'), 'oras/list/two:1')
    const listed = await command(oras, ['repo', 'ls', PLAIN, `${bench.host}/oras/list`])
    expect(listed.trim().split('\n').sort()).toEqual(['one', 'two'])
  })
})
