/** containerd (what Kubernetes nodes pull with) through `ctr` against Berth, with a containerd of its own. */
import { beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type CommandResult, command, commandBytes, startDaemon, tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'
import { type Content, type Image, writeLayout } from './images.ts'
import { expectServed, getManifest } from './registry-contents.ts'
import { largeImage, multiArchImage, smallImage } from './sample-images.ts'
import { describeClient } from './workbench.ts'

const PLAIN = '--plain-http'
const NATIVE = ['--snapshotter', 'native']
const START_TIMEOUT = { withinMilliseconds: 60_000 }

type Ctr = (...args: string[]) => Promise<Uint8Array>

describeClient('containerd', ['containerd', 'ctr'], ({ containerd, ctr }, bench) => {
  let socket = ''

  beforeAll(async () => {
    const folder = bench.folder('c')
    socket = join(folder, 's')
    const config = join(folder, 'config.toml')
    await Bun.write(config, configuration(folder, socket))
    const daemon = startDaemon(containerd, ['--config', config], { logFile: join(folder, 'log') })
    bench.defer(daemon.stop)
    await until('containerd answers', async () => (await attempt('version')).exitCode === 0, START_TIMEOUT)
  })

  function configuration(folder: string, address: string): string {
    return [
      'version = 2',
      `root = "${join(folder, 'root')}"`,
      `state = "${join(folder, 'state')}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      `[grpc]\naddress = "${address}"`,
      // Else a blob that another namespace has is not downloaded again.
      '[plugins."io.containerd.metadata.v1.bolt"]\ncontent_sharing_policy = "isolated"',
      '',
    ].join('\n')
  }

  function attempt(...args: string[]): Promise<CommandResult> {
    return tryCommand(ctr, ['--address', socket, ...args])
  }

  /** ctr in a namespace of its own: what it has there, it has pulled. */
  function freshNamespace(name = `n${crypto.randomUUID()}`): Ctr {
    const own = ['--address', socket, '--namespace', name]
    return (...args) => commandBytes(ctr, [...own, ...args])
  }

  async function imported(run: Ctr, image: Image, name: string): Promise<void> {
    const layout = writeLayout(bench.folder('layout'), image, name)
    const archive = join(bench.folder('archive'), 'image.tar')
    await command('tar', ['-C', layout, '-cf', archive, 'oci-layout', 'index.json', 'blobs'])
    await run('images', 'import', '--all-platforms', '--no-unpack', archive)
  }

  async function expectPulled(run: Ctr, contents: readonly Content[]): Promise<void> {
    for (const { digest, bytes } of contents) {
      expect(Bun.deepEquals(Buffer.from(await run('content', 'get', digest)), Buffer.from(bytes))).toBe(true)
    }
  }

  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    test(`an image with ${compression} layers is pushed, pulled by tag and digest, and unpacked`, async () => {
      const [here, there, elsewhere] = [freshNamespace(), freshNamespace(), freshNamespace()]
      const image = smallImage(`containerd ${compression}`, compression)
      const repository = `containerd/${compression}`
      await imported(here, image, `${bench.host}/${repository}:1`)
      await here('images', 'push', PLAIN, `${bench.host}/${repository}:1`)
      await expectServed(bench.url, repository, '1', image)
      await there('images', 'pull', PLAIN, ...NATIVE, `${bench.host}/${repository}:1`)
      await expectPulled(there, [image.root, ...image.blobs])
      await elsewhere('images', 'pull', PLAIN, ...NATIVE, `${bench.host}/${repository}@${image.root.digest}`)
      await expectPulled(elsewhere, [image.root, ...image.blobs])
    })
  }

  bench.testTransfer('a layer of 60 MB is pushed and pulled', async () => {
    const [here, there] = [freshNamespace(), freshNamespace()]
    const image = largeImage('containerd')
    const name = `${bench.host}/containerd/large:1`
    await imported(here, image, name)
    await here('images', 'push', PLAIN, name)
    await there('images', 'pull', PLAIN, ...NATIVE, name)
    await expectPulled(there, image.blobs)
  })

  test('a multi-architecture index is pushed whole; one platform or all are pulled', async () => {
    const [here, one, all] = [freshNamespace(), freshNamespace(), freshNamespace()]
    const index = multiArchImage('containerd')
    const name = `${bench.host}/containerd/multi:1`
    await imported(here, index, name)
    await here('images', 'push', PLAIN, name)
    await expectServed(bench.url, 'containerd/multi', '1', index)
    await one('images', 'pull', PLAIN, ...NATIVE, '--platform', 'linux/arm64', name)
    await all('content', 'fetch', PLAIN, '--all-platforms', name)
    await expectPulled(all, [index.root, ...index.children, ...index.blobs])
  })

  test('what is pulled from one repository is mounted when it is pushed to another', async () => {
    const [here, there] = [freshNamespace(), freshNamespace('mounting')]
    const image = smallImage('containerd mounted')
    const [from, to] = [`${bench.host}/containerd/from:1`, `${bench.host}/containerd/to/nested:1`]
    await imported(here, image, from)
    await here('images', 'push', PLAIN, from)
    await there('images', 'pull', PLAIN, ...NATIVE, from)
    await there('images', 'tag', from, to)
    const pushed = await attempt('--debug', '--namespace', 'mounting', 'images', 'push', PLAIN, to)
    expect(pushed.exitCode).toBe(0)
    expect(pushed.stderr).toContain('mount=sha256:')
    expect(pushed.stderr).not.toMatch(/method=PUT.*blobs\/uploads/)
    await expectServed(bench.url, 'containerd/to/nested', '1', image)
  })

  test('a tag is moved to another image', async () => {
    const run = freshNamespace()
    const [first, second] = [smallImage('containerd a'), smallImage('containerd b')]
    const name = `${bench.host}/containerd/moved:1`
    await imported(run, first, name)
    await run('images', 'push', PLAIN, name)
    await imported(run, second, name)
    await run('images', 'push', PLAIN, name)
    expect((await getManifest(bench.url, 'containerd/moved', '1')).digest).toBe(second.root.digest)
    expect((await getManifest(bench.url, 'containerd/moved', first.root.digest)).digest).toBe(
      first.root.digest,
    )
  })

  test('an image that is not there is reported as not found', async () => {
    const missing = await attempt('images', 'pull', PLAIN, ...NATIVE, `${bench.host}/containerd/nowhere:1`)
    expect(missing.exitCode).not.toBe(0)
    expect(missing.stderr).toContain('not found')
  })
})
