/** regctl (regclient) against Berth: it mounts anonymously, uploads in chunks and goes on where it was cut. */
import { beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type CommandResult, command, tryCommand } from '../tools/command.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { contentsOf, digestOf, type Image, noise, readLayout, writeLayout } from './images.ts'
import { isStandIn } from './registry.ts'
import { checkBlob, expectServed, getManifest, listTags } from './registry-contents.ts'
import { artifactOf, largeImage, multiArchImage, smallImage } from './sample-images.ts'
import { describeClient } from './workbench.ts'

const CHUNK = 1024 * 1024
const SIGNATURE = 'application/vnd.example.signature.v1'

describeClient('regctl', ['regctl'], ({ regctl }, bench) => {
  let env: Record<string, string> = {}

  beforeAll(async () => {
    env = { REGCTL_CONFIG: join(bench.folder('config'), 'config.json') }
    await plain(bench.host)
  })

  async function plain(host: string, ...settings: string[]): Promise<void> {
    await run('registry', 'set', host, '--tls', 'disabled', '--skip-check', ...settings)
  }

  function run(...args: string[]): Promise<string> {
    return command(regctl, args, { env })
  }

  function attempt(...args: string[]): Promise<CommandResult> {
    return tryCommand(regctl, args, { env })
  }

  async function copyIn(image: Image, name: string, host = bench.host): Promise<void> {
    const layout = writeLayout(bench.folder('layout'), image, 'it')
    await run('image', 'copy', `ocidir://${layout}:it`, `${host}/${name}`)
  }

  async function copyOut(name: string, ...flags: string[]): Promise<Map<string, Uint8Array>> {
    const folder = bench.folder('pulled')
    await run('image', 'copy', ...flags, `${bench.host}/${name}`, `ocidir://${folder}:it`)
    return readLayout(folder)
  }

  test('images and an index come back byte for byte', async () => {
    for (const image of [smallImage('regctl', 'zstd'), multiArchImage('regctl')]) {
      await copyIn(image, 'regctl/copied:1')
      await expectServed(bench.url, 'regctl/copied', '1', image)
      expect(await copyOut('regctl/copied:1')).toEqual(contentsOf(image))
    }
  })

  bench.testTransfer('a layer of 60 MB is uploaded in chunks', async () => {
    const image = largeImage('regctl')
    await plain(bench.host, '--blob-chunk', String(8 * CHUNK), '--blob-max', String(CHUNK))
    await copyIn(image, 'regctl/large:1')
    await plain(bench.host, '--blob-max', '0', '--blob-chunk', '0')
    await expectServed(bench.url, 'regctl/large', '1', image)
  })

  bench.testTransfer('a download that is cut in the middle is finished', async () => {
    const image = largeImage('cut download')
    await copyIn(image, 'regctl/cut-download:1')
    await using proxy = await startCuttingProxy(bench.host, {
      direction: 'download',
      afterBytes: 20 * CHUNK,
      times: 1,
    })
    await plain(proxy.host)
    const folder = bench.folder('pulled')
    await run('image', 'copy', `${proxy.host}/regctl/cut-download:1`, `ocidir://${folder}:it`)
    expect(proxy.cuts()).toBe(1)
    expect([...readLayout(folder).keys()].sort()).toEqual([...contentsOf(image).keys()].sort())
  })

  test('a copy to another repository takes the blobs along', async () => {
    const image = smallImage('regctl mounted')
    await copyIn(image, 'regctl/from:1')
    await run('image', 'copy', `${bench.host}/regctl/from:1`, `${bench.host}/regctl/to/nested:1`)
    await expectServed(bench.url, 'regctl/to/nested', '1', image)
  })

  test('tags are listed, moved and deleted; an image is deleted by digest', async () => {
    const [first, second] = [smallImage('regctl a'), smallImage('regctl b')]
    await copyIn(first, 'regctl/tags:a')
    await copyIn(second, 'regctl/tags:b')
    await run('image', 'copy', `${bench.host}/regctl/tags:a`, `${bench.host}/regctl/tags:c`)
    expect((await run('tag', 'ls', `${bench.host}/regctl/tags`)).trim().split('\n').sort()).toEqual([
      'a',
      'b',
      'c',
    ])
    await run('tag', 'rm', `${bench.host}/regctl/tags:a`)
    expect(await listTags(bench.url, 'regctl/tags')).toEqual(['b', 'c'])
    expect((await getManifest(bench.url, 'regctl/tags', 'c')).digest).toBe(first.root.digest)
    await run('manifest', 'delete', `${bench.host}/regctl/tags@${second.root.digest}`)
    expect((await attempt('manifest', 'head', `${bench.host}/regctl/tags:b`)).exitCode).not.toBe(0)
  })

  test('the catalog is listed page by page', async () => {
    for (const name of ['regctl/list/a', 'regctl/list/b', 'regctl/list/c'])
      await copyIn(smallImage('list'), `${name}:1`)
    const pages: string[] = []
    for (let last = ''; ; last = pages.at(-1) ?? '') {
      const page = (await run('repo', 'ls', '--limit', '2', '--last', last, bench.host)).trim()
      if (page === '') break
      expect(page.split('\n').length).toBeLessThanOrEqual(2)
      pages.push(...page.split('\n'))
    }
    expect(pages).toEqual(expect.arrayContaining(['regctl/list/a', 'regctl/list/b', 'regctl/list/c']))
    expect(new Set(pages).size).toBe(pages.length)
  })

  if (!isStandIn) {
    test('an upload that is cut in the middle is finished', async () => {
      const bytes = noise('cut upload', 16 * CHUNK)
      const file = join(bench.folder('blob'), 'blob')
      await Bun.write(file, bytes)
      await using proxy = await startCuttingProxy(bench.host, {
        direction: 'upload',
        afterBytes: 5.5 * CHUNK,
        times: 1,
      })
      await plain(proxy.host, '--blob-chunk', String(CHUNK), '--blob-max', '1')
      await command('sh', ['-c', '"$0" blob put "$1" <"$2"', regctl, `${proxy.host}/regctl/cut`, file], {
        env,
      })
      expect(proxy.cuts()).toBe(1)
      expect(await checkBlob(bench.url, 'regctl/cut', digestOf(bytes))).toBe(bytes.length)
    })

    test('artifacts refer to an image and are copied along with it', async () => {
      const image = smallImage('regctl signed')
      await copyIn(image, 'regctl/signed:1')
      const subject = `${bench.host}/regctl/signed:1`
      const put = ['artifact', 'put', '--artifact-type', SIGNATURE, '--subject', subject]
      await command('sh', ['-c', 'echo signed | "$0" "$@"', regctl, ...put], { env })
      await copyIn(artifactOf(image.root, 'application/vnd.example.sbom.v1'), 'regctl/signed:sbom')
      const list = ['artifact', 'list', '--format', '{{range .Descriptors}}{{println .Digest}}{{end}}']
      const all = (await run(...list, subject)).trim().split('\n')
      expect(all).toHaveLength(2)
      expect(
        (await run(...list, '--filter-artifact-type', SIGNATURE, subject)).trim().split('\n'),
      ).toHaveLength(1)
      const copied = await copyOut('regctl/signed:1', '--referrers')
      for (const digest of all) expect(copied.has(digest)).toBe(true)
    })

    test('an image by sha512 comes back byte for byte', async () => {
      await copyIn(smallImage('regctl sha512'), 'regctl/sha512:1')
      const target = `${bench.host}/regctl/sha512-copy:1`
      await run(
        'image',
        'mod',
        `${bench.host}/regctl/sha512:1`,
        '--digest-algo',
        'sha512',
        '--create',
        target,
      )
      const digest = (await run('image', 'digest', target)).trim()
      expect(digest).toStartWith('sha512:')
      const folder = bench.folder('pulled')
      await run('image', 'copy', target, `ocidir://${folder}:it`)
      expect((await run('image', 'digest', `ocidir://${folder}:it`)).trim()).toBe(digest)
    })
  }
})
