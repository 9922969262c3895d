/** A real Docker Engine against Berth: a dockerd of its own in a temporary folder, images built from nothing. */
import { beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { startCuttingProxy } from './cutting-proxy.ts'
import { type DockerEngine, startDockerEngine } from './docker-engine.ts'
import { noise } from './images.ts'
import { pushImage } from './push.ts'
import { checkBlob, getManifest, listTags, readRepository } from './registry-contents.ts'
import { multiArchImage, smallFiles, smallImage } from './sample-images.ts'
import { readTar } from './tar.ts'
import { describeClient } from './workbench.ts'

const MEBIBYTE = 1024 * 1024
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

describeClient('Docker Engine', ['docker', 'dockerd', 'containerd', 'runc'], (programs, bench) => {
  let engine: DockerEngine | undefined

  beforeAll(async () => {
    const started = await startDockerEngine(programs, bench.folder('d'))
    bench.defer(async () => started[Symbol.asyncDispose]())
    engine = started
  })

  function running(): DockerEngine {
    if (engine === undefined) throw new Error('The engine is started before the first test, not earlier.')
    return engine
  }

  function run(...args: string[]): Promise<string> {
    return running().run(...args)
  }

  async function build(name: string, files: Record<string, Uint8Array>, base = 'scratch'): Promise<void> {
    const context = bench.folder('context')
    for (const [path, bytes] of Object.entries(files)) await Bun.write(join(context, path), bytes)
    const copies = Object.keys(files).map((path) => `COPY ${path} /${path}`)
    await Bun.write(join(context, 'Dockerfile'), [`FROM ${base}`, ...copies, 'CMD ["/none"]', ''].join('\n'))
    await run('build', '-q', '-t', name, context)
  }

  /** The files of an image, read through a container made of it. */
  async function filesOf(name: string): Promise<Map<string, Uint8Array>> {
    const container = (await run('create', name)).trim()
    const archive = join(bench.folder('export'), 'fs.tar')
    await run('export', '-o', archive, container)
    await run('rm', container)
    return readTar(await Bun.file(archive).bytes())
  }

  async function expectFiles(name: string, files: Record<string, Uint8Array>): Promise<void> {
    const found = await filesOf(name)
    for (const [path, bytes] of Object.entries(files)) {
      expect(Bun.deepEquals(Buffer.from(found.get(path) ?? []), Buffer.from(bytes))).toBe(true)
    }
  }

  async function idOf(name: string): Promise<string> {
    return (await run('image', 'inspect', '--format', '{{.Id}}', name)).trim()
  }

  test('an image is built, pushed, removed and pulled again, file by file', async () => {
    const files = { 'one.bin': noise('docker one', 300_000), 'two.bin': noise('docker two', 10) }
    const name = `${bench.host}/docker/small:1`
    await build(name, files)
    const id = await idOf(name)
    const printed = await run('push', name)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(printed)?.[1] ?? ''
    const served = await getManifest(bench.url, 'docker/small', '1')
    expect(served.digest).toBe(digest)
    expect(served.mediaType).toBe(DOCKER_MANIFEST)
    await run('rmi', '-f', id)
    await run('pull', '-q', name)
    expect(await idOf(name)).toBe(id)
    await expectFiles(name, files)
    await run('rmi', '-f', id)
    await run('pull', '-q', `${bench.host}/docker/small@${digest}`)
    expect(await idOf(`${bench.host}/docker/small@${digest}`)).toBe(id)
  })

  bench.testTransfer('a layer of 60 MB is pushed and pulled', async () => {
    const files = { 'large.bin': noise('docker large', 60 * MEBIBYTE) }
    const name = `${bench.host}/docker/large:1`
    await build(name, files)
    await run('push', '-q', name)
    const id = await idOf(name)
    await run('rmi', '-f', id)
    await run('pull', '-q', name)
    expect(await idOf(name)).toBe(id)
    await expectFiles(name, files)
  })

  test('an image is re-tagged, and a second push of it sends nothing but the manifest', async () => {
    const [first, second] = [`${bench.host}/docker/tags:a`, `${bench.host}/docker/tags:b`]
    await build(first, { 'file.bin': noise('docker tags', 5000) })
    await run('push', '-q', first)
    await run('tag', first, second)
    expect(await run('push', second)).toContain('Layer already exists')
    expect((await listTags(bench.url, 'docker/tags')).sort()).toEqual(['a', 'b'])
    const [a, b] = [
      await getManifest(bench.url, 'docker/tags', 'a'),
      await getManifest(bench.url, 'docker/tags', 'b'),
    ]
    expect(a).toEqual(b)
  })

  test('pushing the image to another repository mounts its layers', async () => {
    const [first, second] = [`${bench.host}/docker/from:1`, `${bench.host}/docker/to/nested:1`]
    await build(first, { 'file.bin': noise('docker mount', 50_000) })
    await run('push', '-q', first)
    await run('tag', first, second)
    expect(await run('push', second)).toContain('Mounted from docker/from')
    const [from, to] = [
      await readRepository(bench.url, 'docker/from'),
      await readRepository(bench.url, 'docker/to/nested'),
    ]
    expect(to).toEqual(from)
  })

  test('an image is built on one that is pulled first', async () => {
    const base = `${bench.host}/docker/base:1`
    const files = { 'base.bin': noise('docker base', 20_000) }
    await build(base, files)
    await run('push', '-q', base)
    await run('rmi', '-f', base)
    const derived = `${bench.host}/docker/derived:1`
    const added = { 'added.bin': noise('docker added', 20_000) }
    await build(derived, added, base)
    await run('push', '-q', derived)
    await run('rmi', '-f', derived)
    await run('pull', '-q', derived)
    await expectFiles(derived, { ...files, ...added })
  })

  test('every tag of a repository is pulled with --all-tags', async () => {
    const names = ['x', 'y', 'z'].map((tag) => `${bench.host}/docker/all:${tag}`)
    for (const name of names) await build(name, { 'file.bin': noise(name, 100) })
    await run('push', '-q', '--all-tags', `${bench.host}/docker/all`)
    for (const name of names) await run('rmi', '-f', name)
    await run('pull', '-q', '--all-tags', `${bench.host}/docker/all`)
    for (const name of names) expect(await idOf(name)).toStartWith('sha256:')
  })

  test('a manifest list is made, pushed and pulled', async () => {
    const name = `${bench.host}/docker/multi:1`
    const parts = ['amd64', 'arm64'].map((architecture) => ({
      architecture,
      part: `${bench.host}/docker/multi:${architecture}`,
    }))
    for (const { architecture, part } of parts) {
      await build(part, { 'arch.txt': new TextEncoder().encode(architecture) })
      await run('push', '-q', part)
    }
    await run('manifest', 'create', '--insecure', name, ...parts.map(({ part }) => part))
    for (const { architecture, part } of parts)
      await run('manifest', 'annotate', '--arch', architecture, name, part)
    await run('manifest', 'push', '--insecure', name)
    expect((await getManifest(bench.url, 'docker/multi', '1')).mediaType).toBe(
      'application/vnd.docker.distribution.manifest.list.v2+json',
    )
    await run('pull', '-q', '--platform', 'linux/arm64', name)
    await expectFiles(name, { 'arch.txt': new TextEncoder().encode('arm64') })
  })

  test('an OCI image and an OCI index that another client pushed are pulled', async () => {
    await pushImage(bench.url, 'docker/oci', '1', smallImage('for docker'))
    await run('pull', '-q', `${bench.host}/docker/oci:1`)
    await expectFiles(`${bench.host}/docker/oci:1`, Object.fromEntries(smallFiles('for docker')))
    await pushImage(bench.url, 'docker/oci-index', '1', multiArchImage('for docker'))
    await run('pull', '-q', '--platform', 'linux/arm64', `${bench.host}/docker/oci-index:1`)
    await expectFiles(`${bench.host}/docker/oci-index:1`, Object.fromEntries(smallFiles('for docker arm64')))
  })

  test('an image that is not there is refused with a sentence', async () => {
    const missing = await running().attempt('pull', `${bench.host}/docker/nowhere:1`)
    expect(missing.exitCode).not.toBe(0)
    expect(missing.stderr).toMatch(/not found|manifest unknown/)
  })

  test('a push whose connection is cut in the middle succeeds all the same', async () => {
    const bytes = noise('docker cut', 8 * MEBIBYTE)
    await using proxy = await startCuttingProxy(bench.host, {
      direction: 'upload',
      afterBytes: 4 * MEBIBYTE,
      times: 1,
    })
    const name = `${proxy.host}/docker/cut:1`
    await build(name, { 'cut.bin': bytes })
    await run('push', '-q', name)
    expect(proxy.cuts()).toBe(1)
    const { blobs } = await readRepository(bench.url, 'docker/cut')
    for (const digest of Object.keys(blobs)) await checkBlob(bench.url, 'docker/cut', digest)
  })

  bench.testTransfer('a pull whose connection is cut in the middle goes on where it was', async () => {
    const files = { 'cut.bin': noise('docker cut pull', 8 * MEBIBYTE) }
    const name = `${bench.host}/docker/cut-pull:1`
    await build(name, files)
    await run('push', '-q', name)
    await using proxy = await startCuttingProxy(bench.host, {
      direction: 'download',
      afterBytes: 4 * MEBIBYTE,
      times: 1,
    })
    await run('rmi', '-f', await idOf(name))
    const throughProxy = `${proxy.host}/docker/cut-pull:1`
    await run('pull', '-q', throughProxy)
    expect(proxy.cuts()).toBe(1)
    await expectFiles(throughProxy, files)
  })
})
