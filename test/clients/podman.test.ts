/** podman against Berth, with image storage of its own in a temporary folder. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { command } from '../tools/command.ts'
import { type Image, readLayout, writeLayout } from './images.ts'
import { getManifest, listTags } from './registry-contents.ts'
import { largeImage, multiArchImage, smallFiles, smallImage } from './sample-images.ts'
import { readTar } from './tar.ts'
import { describeClient } from './workbench.ts'

const PLAIN = '--tls-verify=false'

describeClient('podman', ['podman', 'runc'], ({ podman, runc }, bench) => {
  /** podman with a fresh storage: what it has, it has pulled. */
  function freshStorage(): (...args: string[]) => Promise<string> {
    const folder = bench.folder('podman')
    const own = [
      ...['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')],
      ...[
        '--storage-driver',
        'vfs',
        '--cgroup-manager',
        'cgroupfs',
        '--events-backend',
        'file',
        '--runtime',
        runc,
      ],
    ]
    return (...args) => command(podman, [...own, ...args], { env: { TMPDIR: folder } })
  }

  async function load(run: (...args: string[]) => Promise<string>, image: Image): Promise<string> {
    const layout = writeLayout(bench.folder('layout'), image, 'it')
    return (await run('pull', '-q', `oci:${layout}:it`)).trim()
  }

  async function saved(
    run: (...args: string[]) => Promise<string>,
    name: string,
  ): Promise<Map<string, Uint8Array>> {
    const folder = join(bench.folder('saved'), 'layout')
    await run('save', '-q', '--uncompressed', '--format', 'oci-dir', '-o', folder, name)
    return readLayout(folder)
  }

  test('what one podman pushes another pulls, file by file', async () => {
    const [here, there] = [freshStorage(), freshStorage()]
    const id = await load(here, smallImage('podman'))
    const name = `${bench.host}/podman/small:1`
    const digestFile = join(bench.folder('digest'), 'digest')
    await here('push', '-q', PLAIN, '--digestfile', digestFile, id, name)
    const digest = await Bun.file(digestFile).text()
    expect((await getManifest(bench.url, 'podman/small', '1')).digest).toBe(digest)
    await there('pull', '-q', PLAIN, name)
    await there('pull', '-q', PLAIN, `${bench.host}/podman/small@${digest}`)
    const container = (await there('create', name)).trim()
    const archive = join(bench.folder('export'), 'fs.tar')
    await there('export', '-o', archive, container)
    const files = readTar(await Bun.file(archive).bytes())
    for (const [path, bytes] of smallFiles('podman')) {
      expect(Bun.deepEquals(Buffer.from(files.get(path) ?? []), Buffer.from(bytes))).toBe(true)
    }
  })

  for (const compression of ['gzip', 'zstd'] as const) {
    test(`layers pushed as ${compression} come back as they were`, async () => {
      const [here, there] = [freshStorage(), freshStorage()]
      const image = smallImage(`podman ${compression}`, 'none')
      const name = `${bench.host}/podman/${compression}:1`
      await here('push', '-q', PLAIN, '--compression-format', compression, await load(here, image), name)
      const manifest = await getManifest(bench.url, `podman/${compression}`, '1')
      expect(new TextDecoder().decode(manifest.bytes)).toContain(`.tar+${compression}"`)
      await there('pull', '-q', PLAIN, name)
      const found = await saved(there, name)
      for (const layer of image.blobs.slice(1)) expect(found.has(layer.digest)).toBe(true)
    })
  }

  bench.testTransfer('a layer of 60 MB is pushed and pulled', async () => {
    const [here, there] = [freshStorage(), freshStorage()]
    const image = largeImage('podman')
    const name = `${bench.host}/podman/large:1`
    await here('push', '-q', PLAIN, await load(here, image), name)
    await there('pull', '-q', PLAIN, name)
    const layer = image.blobs.at(-1)?.digest ?? ''
    expect((await saved(there, name)).has(layer)).toBe(true)
  })

  test('a manifest list is pushed whole, and the platform asked for is pulled', async () => {
    const run = freshStorage()
    const name = `${bench.host}/podman/multi:1`
    await run('manifest', 'create', 'list')
    for (const architecture of ['amd64', 'arm64']) {
      const layout = writeLayout(bench.folder('layout'), smallImage(architecture, 'gzip', architecture), 'it')
      await run('manifest', 'add', '--arch', architecture, '--os', 'linux', 'list', `oci:${layout}:it`)
    }
    await run('manifest', 'push', '-q', PLAIN, '--all', 'list', `docker://${name}`)
    const other = freshStorage()
    await other('pull', '-q', PLAIN, '--platform', 'linux/arm64', name)
    expect((await other('image', 'inspect', '--format', '{{.Architecture}}', name)).trim()).toBe('arm64')
  })

  test('an index from another client is pulled by platform', async () => {
    const index = multiArchImage('podman index')
    const layout = writeLayout(bench.folder('layout'), index, 'it')
    const run = freshStorage()
    const name = `${bench.host}/podman/index:1`
    await run('manifest', 'create', '--all', 'copied', `oci:${layout}:it`)
    await run('manifest', 'push', '-q', PLAIN, '--all', 'copied', `docker://${name}`)
    await run('pull', '-q', PLAIN, '--platform', 'linux/amd64', name)
    expect((await run('image', 'inspect', '--format', '{{.Architecture}}', name)).trim()).toBe('amd64')
  })

  test('tags are listed, and repositories are found by search', async () => {
    const run = freshStorage()
    const id = await load(run, smallImage('podman tags'))
    for (const tag of ['a', 'b']) await run('push', '-q', PLAIN, id, `${bench.host}/podman/tags:${tag}`)
    const table = await run('search', PLAIN, '--list-tags', `${bench.host}/podman/tags`)
    const rows = table.trim().split('\n').slice(1)
    expect(rows.map((row) => row.split(/\s+/)[1]).sort()).toEqual(['a', 'b'])
    expect((await listTags(bench.url, 'podman/tags')).sort()).toEqual(['a', 'b'])
    const found = await run('search', PLAIN, '--format', '{{.Name}}', `${bench.host}/podman`)
    expect(found).toContain('podman/tags')
  })
})
