/** crane (go-containerregistry, which ko, kaniko, cosign and flux use too) against Berth. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { command, tryCommand } from '../tools/command.ts'
import { contentsOf, noise, readLayout, writeLayout } from './images.ts'
import { isStandIn } from './registry.ts'
import { expectServed, getManifest, listTags } from './registry-contents.ts'
import { largeImage, multiArchImage, smallImage } from './sample-images.ts'
import { readTar, writeTar } from './tar.ts'
import { describeClient } from './workbench.ts'

describeClient('crane', ['crane'], ({ crane }, bench) => {
  async function pushed(name: string, image = smallImage(name)): Promise<typeof image> {
    const layout = writeLayout(bench.folder('layout'), image, 'latest')
    await command(crane, ['push', layout, `${bench.host}/${name}`])
    return image
  }

  test('an image comes back byte for byte', async () => {
    const image = await pushed('crane/small:1')
    const folder = join(bench.folder('pulled'), 'layout')
    await command(crane, ['pull', '--format=oci', `${bench.host}/crane/small:1`, folder])
    expect(readLayout(folder)).toEqual(contentsOf(image))
    await expectServed(bench.url, 'crane/small', '1', image)
  })

  bench.testTransfer('a layer of 60 MB comes back byte for byte', async () => {
    const image = await pushed('crane/large:1', largeImage('crane'))
    const folder = join(bench.folder('pulled'), 'layout')
    await command(crane, ['pull', '--format=oci', `${bench.host}/crane/large:1`, folder])
    for (const [digest, bytes] of contentsOf(image)) {
      expect(Bun.deepEquals(readLayout(folder).get(digest), Buffer.from(bytes))).toBe(true)
    }
  })

  test('a multi-architecture index is pushed, pulled whole, and one platform of it alone', async () => {
    const index = multiArchImage('crane')
    const layout = writeLayout(bench.folder('layout'), index, 'latest')
    // crane pushes a layout's own index.json as the index; one of two images is what that file becomes.
    await command(crane, ['push', '--index', layout, `${bench.host}/crane/multi:outer`])
    await command(crane, [
      'copy',
      `${bench.host}/crane/multi@${index.root.digest}`,
      `${bench.host}/crane/multi:1`,
    ])
    await expectServed(bench.url, 'crane/multi', '1', index)
    const arm = ['--platform', 'linux/arm64', `${bench.host}/crane/multi:1`]
    expect((await command(crane, ['digest', ...arm])).trim()).toBe(index.children[1]?.digest ?? '')
  })

  test('a copy to another repository mounts the blobs instead of sending them', async () => {
    const image = await pushed('crane/from:1', smallImage('mounted'))
    const source = `${bench.host}/crane/from:1`
    const copied = await tryCommand(crane, ['copy', source, `${bench.host}/crane/to/deep/er:1`])
    expect(copied.stderr).toContain('mounted blob')
    expect(copied.exitCode).toBe(0)
    await expectServed(bench.url, 'crane/to/deep/er', '1', image)
  })

  test('tags are added, moved, listed and deleted', async () => {
    const first = await pushed('crane/tags:a', smallImage('first'))
    const second = await pushed('crane/tags:b', smallImage('second'))
    await command(crane, ['tag', `${bench.host}/crane/tags:a`, 'c'])
    await command(crane, ['tag', `${bench.host}/crane/tags:b`, 'a'])
    expect((await command(crane, ['ls', `${bench.host}/crane/tags`])).split('\n').sort()).toEqual([
      '',
      'a',
      'b',
      'c',
    ])
    expect((await getManifest(bench.url, 'crane/tags', 'a')).digest).toBe(second.root.digest)
    expect((await getManifest(bench.url, 'crane/tags', 'c')).digest).toBe(first.root.digest)
    await command(crane, ['delete', `${bench.host}/crane/tags@${second.root.digest}`])
    expect(await listTags(bench.url, 'crane/tags')).toEqual(['c'])
    const gone = await tryCommand(crane, ['manifest', `${bench.host}/crane/tags:a`])
    expect(gone.exitCode).not.toBe(0)
    expect(gone.stderr).toContain('MANIFEST_UNKNOWN')
  })

  if (!isStandIn) {
    test('a tag is deleted by name and its image stays by digest', async () => {
      const image = await pushed('crane/untag:a', smallImage('untag'))
      await command(crane, ['delete', `${bench.host}/crane/untag:a`])
      expect(await listTags(bench.url, 'crane/untag')).toEqual([])
      expect((await getManifest(bench.url, 'crane/untag', image.root.digest)).digest).toBe(image.root.digest)
    })
  }

  test('append builds an image on another one in the registry', async () => {
    await pushed('crane/base:1', smallImage('base'))
    const bytes = noise('appended', 50_000)
    const layer = join(bench.folder('layer'), 'layer.tar')
    await Bun.write(layer, writeTar(new Map([['added.bin', bytes]])))
    const target = `${bench.host}/crane/appended:1`
    await command(crane, ['append', '-b', `${bench.host}/crane/base:1`, '-f', layer, '-t', target])
    await command(crane, ['validate', '--remote', target])
    const exported = join(bench.folder('export'), 'fs.tar')
    await command(crane, ['export', target, exported])
    const files = readTar(await Bun.file(exported).bytes())
    expect(Bun.deepEquals(files.get('added.bin'), bytes)).toBe(true)
    expect(new TextDecoder().decode(files.get('hello'))).toBe('hello from base\n')
  })

  test('the catalog names every repository', async () => {
    await pushed('crane/nested/twice:1')
    await pushed('crane-alone:1')
    const listed = (await command(crane, ['catalog', bench.host])).trim().split('\n')
    expect(listed).toEqual(expect.arrayContaining(['crane-alone', 'crane/nested/twice']))
  })
})
