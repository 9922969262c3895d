/**
 * Indexing is killed at moments that chance decides, again and again, while clients read and push: nothing that was
 * there or was acknowledged is missing, and in the end the database is what the tree says.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { deleteManifest, pushImage } from '../clients/push.ts'
import { getManifest, listRepositories, listTags } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import { makeOldVolume, type OldImage } from '../old-volume.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { randomFrom } from '../random.ts'
import { until } from '../until.ts'
import { describeWays } from './configurations.ts'

setDefaultTimeout(120_000)

const REPOSITORIES = 40
const TAGS = 6
const KILLS = 4
/** Milliseconds from the first answer on; an index of this size takes a few hundred. */
const LONGEST_LIFE = 300

const seed = Number(process.env['FAULT_SEED'] ?? '1')

interface Pushed {
  readonly repository: string
  readonly tag: string
  readonly digest: string
}

/** A push and a deletion in an old repository and in a new one, as far as the server lives; gives what was acknowledged. */
async function writeUntilKilled(url: string, round: number, old: OldImage): Promise<Pushed[]> {
  const done: Pushed[] = []
  try {
    for (const repository of [old.repository, `new/${round}`]) {
      const image = smallImage(`${repository} ${round}`)
      await pushImage(url, repository, `round-${round}`, image)
      done.push({ repository, tag: `round-${round}`, digest: image.root.digest })
    }
    // Once it has been asked for, it may be done although the kill takes the answer away.
    done.shift()
    await deleteManifest(url, old.repository, `round-${round}`)
  } catch (error) {
    // A refusal would be an error of Berth; only a connection that breaks is the kill.
    if (error instanceof Error && error.message.includes(' answered ')) throw error
  }
  return done
}

async function expectAll(url: string, images: readonly OldImage[], pushed: readonly Pushed[]): Promise<void> {
  const wanted = [...images, ...pushed]
  for (const { repository, tag, digest } of wanted) {
    expect((await getManifest(url, repository, tag)).digest).toBe(digest)
  }
  const names = await listRepositories(url)
  expect(names).toEqual([...new Set(names)])
  for (const name of new Set(wanted.map(({ repository }) => repository))) expect(names).toContain(name)
}

function untilIndexed(berth: BerthServer): Promise<void> {
  return until('the images were gone through', () => berth.log().includes('repositories were gone through'), {
    withinMilliseconds: 60_000,
  })
}

describeWays('indexing that is killed', (place) => {
  test(`${KILLS} times while others read and write, FAULT_SEED=${seed}`, async () => {
    const { data, env } = place()
    const random = randomFrom(seed)
    const images = makeOldVolume(data, { repositories: REPOSITORIES, tags: TAGS })
    const pushed: Pushed[] = []
    for (let round = 0; round < KILLS; round++) {
      await using berth = await startBerth({ data, env })
      const old = images[Math.floor(random() * images.length)] as OldImage
      const writing = writeUntilKilled(berth.url, round, old)
      expect((await getManifest(berth.url, old.repository, old.tag)).digest).toBe(old.digest)
      await Bun.sleep(random() * LONGEST_LIFE)
      await berth.kill()
      pushed.push(...(await writing))
    }
    {
      await using berth = await startBerth({ data, env })
      await expectAll(berth.url, images, pushed)
      await untilIndexed(berth)
      await expectAll(berth.url, images, pushed)
      await berth.stop()
    }
    await using peer = await startDockerRegistry({ data })
    for (const { repository, tag, digest } of pushed) {
      expect((await getManifest(peer.url, repository, tag)).digest).toBe(digest)
    }
    await using again = await startBerth({ data, env })
    for (const name of new Set(images.map(({ repository }) => repository))) {
      expect((await listTags(again.url, name)).sort()).toEqual((await listTags(peer.url, name)).sort())
    }
  })
})
