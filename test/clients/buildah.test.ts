/** buildah against Berth: builds from nothing and on what it has pushed, with storage in a temporary folder. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { command } from '../tools/command.ts'
import { noise } from './images.ts'
import { getManifest, listTags } from './registry-contents.ts'
import { describeClient } from './workbench.ts'

const PLAIN = '--tls-verify=false'

type Buildah = (...args: string[]) => Promise<string>

describeClient('buildah', ['buildah'], ({ buildah }, bench) => {
  /** buildah with a fresh storage: what it has, it has built or pulled. */
  function freshStorage(): Buildah {
    const folder = bench.folder('buildah')
    const own = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs']
    return async (...args) => {
      const env = { TMPDIR: folder, BUILDAH_ISOLATION: 'chroot' }
      return (await command(buildah, [...own, ...args], { env, cwd: folder })).trim()
    }
  }

  async function contextWith(containerfile: string, files: Record<string, Uint8Array>): Promise<string> {
    const folder = bench.folder('context')
    await Bun.write(join(folder, 'Containerfile'), containerfile)
    for (const [name, bytes] of Object.entries(files)) await Bun.write(join(folder, name), bytes)
    return folder
  }

  async function fileOf(run: Buildah, image: string, path: string): Promise<Uint8Array> {
    const container = await run('from', PLAIN, '--pull-always', image)
    const mounted = await run('mount', container)
    const bytes = await Bun.file(join(mounted, path)).bytes()
    await run('umount', container)
    await run('rm', container)
    return bytes
  }

  test('an image built from nothing is pushed, and pulled into another storage file by file', async () => {
    const [here, there] = [freshStorage(), freshStorage()]
    const bytes = noise('buildah', 500_000)
    const context = await contextWith('FROM scratch\nCOPY data.bin /data.bin\n', { 'data.bin': bytes })
    const name = `${bench.host}/buildah/built:1`
    await here('build', '-q', '-t', name, context)
    await here('push', '-q', PLAIN, name)
    expect(await fileOf(there, name, 'data.bin')).toEqual(bytes)
  })

  test('an image built on a pushed one shares its layers', async () => {
    const [here, there] = [freshStorage(), freshStorage()]
    const [base, derived] = [`${bench.host}/buildah/base:1`, `${bench.host}/buildah/derived:1`]
    const bytes = noise('buildah base', 300_000)
    await here(
      'build',
      '-q',
      '-t',
      base,
      await contextWith('FROM scratch\nCOPY base.bin /\n', { 'base.bin': bytes }),
    )
    await here('push', '-q', PLAIN, base)
    const added = noise('buildah added', 100_000)
    const context = await contextWith(`FROM ${base}\nCOPY added.bin /\n`, { 'added.bin': added })
    await there('build', '-q', PLAIN, '--layers', '-t', derived, context)
    await there('push', '-q', PLAIN, derived)
    const fresh = freshStorage()
    expect(await fileOf(fresh, derived, 'base.bin')).toEqual(bytes)
    expect(await fileOf(fresh, derived, 'added.bin')).toEqual(added)
  })

  test('a manifest list of two architectures is pushed and each is pulled', async () => {
    const run = freshStorage()
    const name = `${bench.host}/buildah/multi:1`
    for (const architecture of ['amd64', 'arm64']) {
      const context = await contextWith('FROM scratch\nCOPY arch /\n', {
        arch: new TextEncoder().encode(architecture),
      })
      await run('build', '-q', '--platform', `linux/${architecture}`, '--manifest', 'list', context)
    }
    await run('manifest', 'push', '-q', PLAIN, '--all', 'list', `docker://${name}`)
    const other = freshStorage()
    for (const architecture of ['amd64', 'arm64']) {
      await other('pull', '-q', PLAIN, '--platform', `linux/${architecture}`, name)
      const found = await other('inspect', '--type', 'image', '--format', '{{.OCIv1.Architecture}}', name)
      expect(found).toBe(architecture)
    }
  })

  test('an image is pushed under several tags in both formats', async () => {
    const run = freshStorage()
    const context = await contextWith('FROM scratch\nCOPY file /\n', { file: noise('buildah tags', 1000) })
    await run('build', '-q', '-t', 'local', context)
    await run('push', '-q', PLAIN, '--format', 'oci', 'local', `docker://${bench.host}/buildah/tags:oci`)
    await run('push', '-q', PLAIN, '--format', 'v2s2', 'local', `docker://${bench.host}/buildah/tags:docker`)
    expect((await listTags(bench.url, 'buildah/tags')).sort()).toEqual(['docker', 'oci'])
    expect((await getManifest(bench.url, 'buildah/tags', 'oci')).mediaType).toBe(
      'application/vnd.oci.image.manifest.v1+json',
    )
    expect((await getManifest(bench.url, 'buildah/tags', 'docker')).mediaType).toBe(
      'application/vnd.docker.distribution.manifest.v2+json',
    )
  })
})
