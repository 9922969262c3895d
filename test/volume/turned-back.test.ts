/**
 * Berth is killed as soon as it has answered, before its change is durable, and another registry turns exactly that
 * change back: the tree wins, at once and after the index, for the machine has not stopped and nothing was lost.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../berth-server.ts'
import { type Image, MEDIA_TYPES } from '../clients/images.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { type PeerProgram, startDockerRegistry } from '../peer/docker-registry.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { describeWays, type Place } from './configurations.ts'

setDefaultTimeout(60_000)

const [first, second, third] = ['first', 'second', 'third'].map((name) =>
  smallImage(`turned back, ${name}`),
) as [Image, Image, Image]

/** What Berth does last, what the other does then, and what the tag names in the end, as it did before. */
interface Turn {
  readonly name: string
  readonly by: PeerProgram
  change(url: string, repository: string): Promise<void>
  turnBack(url: string, repository: string): Promise<void>
  readonly tag: string
  readonly names: string | null
}

const TURNS: readonly Turn[] = [
  {
    name: 'a deleted tag is pushed again',
    by: 'docker-registry',
    change: (url, repository) => deleteManifest(url, repository, '1'),
    turnBack: (url, repository) => pushManifest(url, repository, '1', first.root),
    tag: '1',
    names: first.root.digest,
  },
  {
    name: 'a deleted manifest is pushed again',
    by: 'docker-registry',
    change: (url, repository) => deleteManifest(url, repository, first.root.digest),
    turnBack: (url, repository) => pushImage(url, repository, '1', first),
    tag: '1',
    names: first.root.digest,
  },
  {
    name: 'a moved tag is moved back',
    by: 'docker-registry',
    change: (url, repository) => pushManifest(url, repository, '1', second.root),
    turnBack: (url, repository) => pushManifest(url, repository, '1', first.root),
    tag: '1',
    names: first.root.digest,
  },
  {
    name: 'a new manifest is deleted',
    by: 'docker-registry',
    change: (url, repository) => pushImage(url, repository, 'new', third),
    turnBack: (url, repository) => deleteManifest(url, repository, third.root.digest),
    tag: 'new',
    names: null,
  },
  {
    name: 'a new tag is deleted',
    by: 'registry',
    change: (url, repository) => pushManifest(url, repository, 'new', second.root),
    turnBack: (url, repository) => deleteManifest(url, repository, 'new'),
    tag: 'new',
    names: null,
  },
]

function repositoryOf({ name }: Turn): string {
  return `turned/${name.replaceAll(' ', '-')}`
}

/** Durable: the stop makes it so. */
async function pushBefore({ data, env }: Place): Promise<void> {
  await using berth = await startBerth({ data, env })
  for (const turn of TURNS) {
    await pushImage(berth.url, repositoryOf(turn), '1', first)
    await pushImage(berth.url, repositoryOf(turn), 'other', second)
  }
  await berth.stop()
}

async function changeAndDie({ data, env }: Place): Promise<void> {
  await using berth = await startBerth({ data, env })
  for (const turn of TURNS) await turn.change(berth.url, repositoryOf(turn))
  await berth.kill()
}

async function turnBack(data: string, program: PeerProgram): Promise<void> {
  await using peer = await startDockerRegistry({ data, program })
  for (const turn of TURNS) if (turn.by === program) await turn.turnBack(peer.url, repositoryOf(turn))
  await peer.kill()
}

/** By what was done with them. */
async function tagsOf(url: string): Promise<Record<string, string | null>> {
  const tags: Record<string, string | null> = {}
  for (const turn of TURNS) {
    const address = `${url}/v2/${repositoryOf(turn)}/manifests/${turn.tag}`
    const answer = await fetch(address, { method: 'HEAD', headers: { accept: MEDIA_TYPES.manifest } })
    expect(answer.status).toBeOneOf([200, 404])
    tags[turn.name] = answer.headers.get('docker-content-digest')
  }
  return tags
}

describeWith('a change that another registry turns back', ['registry'], () => {
  describeWays('when Berth was killed right behind its answer', (place) => {
    test('stays as that one left it', async () => {
      await pushBefore(place())
      await changeAndDie(place())
      for (const program of ['docker-registry', 'registry'] as const) await turnBack(place().data, program)
      const expected = Object.fromEntries(TURNS.map(({ name, names }) => [name, names]))
      await using berth = await startBerth(place())
      expect(await tagsOf(berth.url)).toEqual(expected)
      await until('the images were gone through', () =>
        berth.log().includes('repositories were gone through'),
      )
      expect(await tagsOf(berth.url)).toEqual(expected)
      await berth.stop()
      await using peer = await startDockerRegistry({ data: place().data })
      expect(await tagsOf(peer.url)).toEqual(expected)
    })
  })
})
