/**
 * `registry:2` (Debian's docker-registry), started on Berth's folder, serves what was pushed through Berth:
 * after a clean stop, and after `kill -9` in the midst of pushes.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { type Image, inDockerFormat } from '../clients/images.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import {
  checkBlob,
  getManifest,
  type RegistryContents,
  readRegistry,
  readRepositories,
} from '../clients/registry-contents.ts'
import { artifactOf, largeImage, multiArchImage, smallImage } from '../clients/sample-images.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { startDockerRegistry } from './docker-registry.ts'

const PUSHERS = 6
const PUSHES_BEFORE_KILL = 40
const NOTHING_HERE = 404

setDefaultTimeout(60_000)

interface Untagged {
  readonly [repository: string]: readonly string[]
}

/** Pushes, re-tags and deletes in several repositories; gives the manifests that no tag names. */
async function fill(url: string): Promise<Untagged> {
  const [first, second, third] = [
    smallImage('first'),
    smallImage('second', 'zstd'),
    smallImage('third', 'none'),
  ]
  await pushImage(url, 'app', '1', first)
  await pushImage(url, 'app', '2', second)
  await pushManifest(url, 'app', 'latest', first.root)
  await pushManifest(url, 'app', 'latest', second.root)
  await pushImage(url, 'team/deep/er/app', 'Other_Tag.1-x', third)
  await pushImage(url, 'team/deep', 'docker', inDockerFormat(first))
  await pushImage(url, 'team/multi', '1', multiArchImage('peer'))
  await pushImage(url, 'team/large', '1', largeImage('peer'))
  const artifact = artifactOf(first.root, 'application/vnd.example.signature.v1')
  await pushImage(url, 'app', null, artifact)
  await pushImage(url, 'untagged-only', null, third)
  return { app: [artifact.root.digest], 'untagged-only': [third.root.digest] }
}

/** Deletes a tag, an image with its tags, and everything of a repository; gives what must be gone. */
async function deleteSome(url: string): Promise<{ repository: string; reference: string }[]> {
  const [kept, gone] = [smallImage('kept'), smallImage('gone')]
  await pushImage(url, 'deletes', 'kept', kept)
  await pushManifest(url, 'deletes', 'untagged', kept.root)
  await pushImage(url, 'deletes', 'gone', gone)
  await pushManifest(url, 'deletes', 'gone-too', gone.root)
  await deleteManifest(url, 'deletes', 'untagged')
  await deleteManifest(url, 'deletes', gone.root.digest)
  await pushImage(url, 'emptied', '1', kept)
  await deleteManifest(url, 'emptied', kept.root.digest)
  return [
    { repository: 'deletes', reference: 'untagged' },
    { repository: 'deletes', reference: 'gone' },
    { repository: 'deletes', reference: 'gone-too' },
    { repository: 'deletes', reference: gone.root.digest },
    { repository: 'emptied', reference: '1' },
    { repository: 'emptied', reference: kept.root.digest },
  ]
}

interface Acknowledged {
  readonly repository: string
  readonly image: Image
  /** Tags that were answered with 201. */
  readonly tags: string[]
}

/** Pushes images under a tag of their own and a moving one until the server is gone. */
async function pushUntilKilled(
  url: string,
  repository: string,
  onPushed: () => void,
): Promise<Acknowledged[]> {
  const done: Acknowledged[] = []
  for (let number = 0; ; number += 1) {
    const image = smallImage(`${repository} ${number}`)
    const entry: Acknowledged = { repository, image, tags: [] }
    try {
      await pushImage(url, repository, `v${number}`, image)
      done.push(entry)
      entry.tags.push(`v${number}`)
      await pushManifest(url, repository, 'latest', image.root)
      entry.tags.push('latest')
      onPushed()
    } catch (error) {
      // A refusal would be an error of Berth; only a connection that breaks is the kill.
      if (error instanceof Error && error.message.includes(' answered ')) throw error
      return done
    }
  }
}

/** Many clients push at once; after some pushes the server is killed. */
async function killDuringPushes(berth: BerthServer): Promise<Acknowledged[]> {
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  let pushed = 0
  const onPushed = () => {
    pushed += 1
    if (pushed === PUSHES_BEFORE_KILL) resolve()
  }
  const pushers = Array.from({ length: PUSHERS }, (_, at) =>
    pushUntilKilled(berth.url, `busy/r${at}`, onPushed),
  )
  await enough
  await berth.kill()
  return (await Promise.all(pushers)).flat()
}

/** Every acknowledged image is there by tag and digest; the moving tag names one that was on its way. */
async function expectAcknowledged(url: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  for (const { repository, image, tags } of acknowledged) {
    expect(await getManifest(url, repository, image.root.digest)).toEqual({ ...image.root })
    for (const tag of tags.filter((each) => each !== 'latest')) {
      expect((await getManifest(url, repository, tag)).digest).toBe(image.root.digest)
    }
    for (const blob of image.blobs) await checkBlob(url, repository, blob.digest)
  }
  for (const repository of new Set(acknowledged.map((each) => each.repository))) {
    const own = acknowledged.filter((each) => each.repository === repository)
    const moved = own.filter((each) => each.tags.includes('latest'))
    // The last move was answered or was being answered: it or the one before it.
    const possible = [...moved.slice(-1), ...own.slice(-1)].map((each) => each.image.root.digest)
    if (moved.length > 0) expect(possible).toContain((await getManifest(url, repository, 'latest')).digest)
  }
}

/** The same checks for one way of running Berth. */
function describeConfiguration(name: string, environment: () => Promise<Record<string, string>>): void {
  describe(name, () => {
    const data = mkdtempSync(join(tmpdir(), 'peer-test-'))
    let env: Record<string, string> = {}
    beforeAll(async () => {
      env = await environment()
    })
    afterAll(() => rmSync(data, { recursive: true, force: true }))

    let untagged: Untagged = {}
    let served: RegistryContents = {}

    test('it serves every repository, tag, manifest and blob after a clean stop', async () => {
      await using berth = await startBerth({ data, env })
      untagged = await fill(berth.url)
      const gone = await deleteSome(berth.url)
      served = await readRegistry(berth.url, untagged)
      expect(Object.keys(served)).toContain('emptied')
      await berth.stop()
      await using peer = await startDockerRegistry({ data })
      expect(await readRegistry(peer.url, untagged)).toEqual(served)
      for (const { repository, reference } of gone) {
        const answer = await fetch(`${peer.url}/v2/${repository}/manifests/${reference}`)
        expect(answer.status).toBe(NOTHING_HERE)
      }
    })

    test('and Berth, started again after it, serves the same', async () => {
      await using berth = await startBerth({ data, env })
      expect(await readRegistry(berth.url, untagged)).toEqual(served)
    })

    test('it serves every image that was acknowledged before kill -9', async () => {
      await using berth = await startBerth({ data, env })
      const acknowledged = await killDuringPushes(berth)
      expect(acknowledged.length).toBeGreaterThanOrEqual(PUSHES_BEFORE_KILL)
      await using peer = await startDockerRegistry({ data })
      await expectAcknowledged(peer.url, acknowledged)
      // Nobody pushed to these. Elsewhere docker-registry may list a tag whose link the kill came before.
      expect(await readRepositories(peer.url, Object.keys(served), untagged)).toEqual(served)
      await peer.stop()
      await using again = await startBerth({ data, env })
      await expectAcknowledged(again.url, acknowledged)
      await pushImage(again.url, 'busy/r0', 'afterwards', smallImage('afterwards'))
    })
  })
}

describeWith('docker-registry on the folder of Berth', ['docker-registry'], () => {
  describeConfiguration('with one process', async () => ({}))
  describeConfiguration('with two workers', async () => ({ BERTH_WORKERS: '2' }))
})

describeWith('docker-registry on the folder of Berth', ['docker-registry', 'initdb', 'postgres'], () => {
  let postgres: PostgresServer | undefined

  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres?.stop())

  describeConfiguration('with PostgreSQL', async () => {
    if (postgres === undefined) throw new Error('PostgreSQL is started before the first test.')
    return { BERTH_DATABASE_URL: await postgres.createDatabase() }
  })
})
