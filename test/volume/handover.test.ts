/**
 * A folder goes from another registry to Berth, back, and again: each shows what the other left. The tests of one
 * way of running Berth build on one another, as the weeks of one volume do.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { inDockerFormat } from '../clients/images.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import { getManifest, listTags, type RegistryContents, readRegistry } from '../clients/registry-contents.ts'
import { artifactOf, multiArchImage, smallImage } from '../clients/sample-images.ts'
import { collectGarbage, startDockerRegistry } from '../peer/docker-registry.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { describeWays } from './configurations.ts'
import { filesUnder } from './files.ts'

setDefaultTimeout(90_000)

const TREE = 'docker/registry/v2'

/** Waits until all of the tree has been gone through: from then on the database alone is asked. */
function untilIndexed(berth: BerthServer): Promise<void> {
  return until('the images were gone through', () => berth.log().includes('repositories were gone through'))
}

function servedBy(url: string): Promise<RegistryContents> {
  return readRegistry(url)
}

const [first, second, third] = [
  smallImage('first'),
  smallImage('second', 'zstd'),
  smallImage('third', 'none'),
]

describeWays('a folder that goes to and fro', (place) => {
  let served: RegistryContents = {}

  test('what registry:2 pushed is served at once and after the index, and no file is touched', async () => {
    const { data, env } = place()
    {
      await using peer = await startDockerRegistry({ data })
      await pushImage(peer.url, 'app', '1', first)
      await pushImage(peer.url, 'app', 'latest', first)
      await pushImage(peer.url, 'app', 'latest', second)
      await pushImage(peer.url, 'app/nested', 'docker', inDockerFormat(first))
      await pushImage(peer.url, 'multi', '1', multiArchImage('handover'))
      served = await servedBy(peer.url)
    }
    const before = filesUnder(join(data, TREE))
    await using berth = await startBerth({ data, env })
    expect(await servedBy(berth.url)).toEqual(served)
    await untilIndexed(berth)
    expect(await servedBy(berth.url)).toEqual(served)
    await berth.stop()
    expect(filesUnder(join(data, TREE))).toEqual(before)
  })

  test('what is pushed, re-tagged and deleted through Berth registry:2 shows, file for file as its own', async () => {
    const { data, env } = place()
    {
      await using berth = await startBerth({ data, env })
      await pushImage(berth.url, 'app', '1', third)
      await pushManifest(berth.url, 'app', 'latest', first.root)
      await pushImage(berth.url, 'app', 'gone', smallImage('gone'))
      await deleteManifest(berth.url, 'app', 'gone')
      await deleteManifest(berth.url, 'multi', '1')
      await pushImage(berth.url, 'new', '1', second)
      served = await servedBy(berth.url)
      await berth.kill()
    }
    const links = Object.entries(filesUnder(join(data, TREE))).filter(([path]) => path.endsWith('/link'))
    for (const [, link] of links) expect(link).toMatch(/^sha256:[0-9a-f]{64}$/)
    await using peer = await startDockerRegistry({ data })
    expect(await servedBy(peer.url)).toEqual(served)
  })

  test('another user’s registry:2 may read all that Berth put into the tree, and nobody the database', () => {
    const { data } = place()
    const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
    const names = readdirSync(join(data, TREE), { recursive: true, encoding: 'utf8' })
    expect([...new Set(names.map((name) => modeOf(join(data, TREE, name))))].sort()).toEqual(['644', '755'])
    const database = join(data, 'berth/berth.db')
    if (existsSync(database)) expect(modeOf(database)).toBe('600')
  })

  test('what registry:2 did meanwhile Berth sees at its next start, its garbage-collect included', async () => {
    const { data, env } = place()
    {
      await using peer = await startDockerRegistry({ data })
      await pushImage(peer.url, 'app', '1', second)
      await pushImage(peer.url, 'app', 'newer', smallImage('newer'))
      await pushImage(peer.url, 'from/the/peer', '1', third)
      await deleteManifest(peer.url, 'app', first.root.digest)
      await deleteManifest(peer.url, 'app/nested', inDockerFormat(first).root.digest)
      await peer.stop()
      await collectGarbage(data)
      await using again = await startDockerRegistry({ data })
      served = await servedBy(again.url)
    }
    await using berth = await startBerth({ data, env })
    expect(await servedBy(berth.url)).toEqual(served)
    await untilIndexed(berth)
    expect(await servedBy(berth.url)).toEqual(served)
    const gone = await fetch(`${berth.url}/v2/app/manifests/${first.root.digest}`)
    expect(gone.status).toBe(404)
    const [config] = first.blobs
    expect((await fetch(`${berth.url}/v2/app/blobs/${config?.digest}`, { method: 'HEAD' })).status).toBe(404)
    await pushImage(berth.url, 'app', 'back', first)
    expect((await getManifest(berth.url, 'app', 'back')).digest).toBe(first.root.digest)
  })

  test('where both wrote, the tree wins: also where Berth was killed before its change was durable', async () => {
    const { data, env } = place()
    {
      await using berth = await startBerth({ data, env })
      await pushImage(berth.url, 'both', 'tag', first)
      await pushManifest(berth.url, 'both', 'kept', first.root)
      await pushImage(berth.url, 'both', 'tag', second)
      await berth.kill()
    }
    {
      await using peer = await startDockerRegistry({ data })
      expect((await getManifest(peer.url, 'both', 'tag')).digest).toBe(second.root.digest)
      await pushImage(peer.url, 'both', 'tag', third)
    }
    await using berth = await startBerth({ data, env })
    for (const _ of ['at once', 'and after the index']) {
      expect((await getManifest(berth.url, 'both', 'tag')).digest).toBe(third.root.digest)
      expect((await getManifest(berth.url, 'both', 'kept')).digest).toBe(first.root.digest)
      await untilIndexed(berth)
    }
  })

  test('a folder without its images is refused, for the volume is hardly empty but missing', async () => {
    const { data, env } = place()
    rmSync(join(data, 'docker'), { recursive: true })
    const refused = await startBerth({ data, env }).then(
      () => null,
      (error: Error) => error.message,
    )
    expect(refused).toContain('Is the volume mounted?')
  })
})

describeWith('what a crash of registry:2 left', ['docker-registry'], () => {
  test('registry:2 serves again once it was pushed through Berth, and not before', async () => {
    await using peer = await startDockerRegistry({})
    await pushImage(peer.url, 'app', '1', first)
    const served = await servedBy(peer.url)
    await peer.stop()
    const links = Object.keys(filesUnder(join(peer.data, TREE))).filter((path) =>
      /_layers|revisions/.test(path),
    )
    for (const link of links.filter((path) => path.endsWith('/link')))
      writeFileSync(join(peer.data, TREE, link), '')
    {
      await using berth = await startBerth({ data: peer.data })
      await untilIndexed(berth)
      expect(await servedBy(berth.url)).toEqual(served)
      await berth.stop()
      await using again = await startDockerRegistry({ data: peer.data })
      expect((await fetch(`${again.url}/v2/app/manifests/1`)).ok).toBe(false)
    }
    {
      await using berth = await startBerth({ data: peer.data })
      // All of its blobs are there, so a client pushes the manifest alone.
      await pushManifest(berth.url, 'app', '1', first.root)
      await berth.kill()
    }
    await using again = await startDockerRegistry({ data: peer.data })
    expect(await servedBy(again.url)).toEqual(served)
  })
})

describeWith('what registry:3 left', ['registry'], () => {
  test('is served, with a deleted tag gone and everything of its own kind', async () => {
    await using peer = await startDockerRegistry({ program: 'registry' })
    const signature = artifactOf(first.root, 'application/vnd.example.signature.v1')
    await pushImage(peer.url, 'app', '1', first)
    await pushImage(peer.url, 'app', 'gone', second)
    await pushImage(peer.url, 'app', `${first.root.digest.replace(':', '-')}`, signature)
    await deleteManifest(peer.url, 'app', 'gone')
    const served = await servedBy(peer.url)
    await peer.stop()
    await using berth = await startBerth({ data: peer.data })
    expect(await servedBy(berth.url)).toEqual(served)
    await untilIndexed(berth)
    expect(await servedBy(berth.url)).toEqual(served)
    expect(await listTags(berth.url, 'app')).toEqual(['1', first.root.digest.replace(':', '-')])
    const referrers = await fetch(`${berth.url}/v2/app/referrers/${first.root.digest}`)
    const { manifests } = (await referrers.json()) as { manifests: { digest: string }[] }
    expect(manifests.map(({ digest }) => digest)).toEqual([signature.root.digest])
    await berth.stop()
    await using again = await startDockerRegistry({ program: 'registry', data: peer.data })
    expect(await servedBy(again.url)).toEqual(served)
  })
})
