/**
 * One history of a folder, cut into terms. Each term one registry serves it, shows all that was there before, is
 * written to, and is stopped or killed. Chance decides by which registry, what is done, and when it ends.
 */
import type { Image } from '../clients/images.ts'
import { makeOldVolume } from '../old-volume.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { randomFrom } from '../random.ts'
import { serveByBerth, startAndIndex } from './berth-term.ts'
import { wrongFiles } from './folder.ts'
import { Model } from './model.ts'
import { serveByPeer } from './peer-term.ts'
import { allKeys, keysOfOld, makeStock } from './stock.ts'
import { expectNone, type History, look } from './telling.ts'

/** So many that an index of them takes about as long as a server lives that is killed early. */
const OLD_VOLUME = { repositories: 24, tags: 2 }
const TERMS = 5
/** What is left is registry:3's. */
const [BY_BERTH, BY_REGISTRY_2] = [0.56, 0.26]

export interface Surroundings {
  /** An empty folder. */
  readonly data: string
  readonly seed: number
  /** The settings with which Berth may be started in a term. */
  readonly ways: History['ways']
}

/** Lives through all of it. Throws with its story where a server shows something that must not be. */
export async function liveThrough(surroundings: Surroundings): Promise<void> {
  const history = beginHistory(surroundings)
  try {
    for (let term = 0; term < TERMS; term++) await liveThroughTerm(history)
    await endHistory(history)
  } catch (error) {
    const said = error instanceof Error ? (error.stack ?? error.message) : error
    throw new Error(`${said}\nThe story of seed ${surroundings.seed}:\n  ${history.story.join('\n  ')}`)
  }
}

/** On a folder that somebody has filled before. */
function beginHistory({ data, seed, ways }: Surroundings): History {
  const stock: readonly Image[] = makeStock()
  const old = makeOldVolume(data, OLD_VOLUME)
  const model = new Model(allKeys(stock, old))
  for (const image of old) model.acknowledge(new Map(keysOfOld(image).map((key) => [key, image.digest])))
  return { data, ways, stock, model, random: randomFrom(seed), story: [] }
}

async function liveThroughTerm(history: History): Promise<void> {
  const chance = history.random()
  if (chance < BY_BERTH) await serveByBerth(history)
  else await serveByPeer(history, chance < BY_BERTH + BY_REGISTRY_2 ? 'docker-registry' : 'registry')
}

/** Berth and registry:2 show the same in the end, and the files say so too. */
async function endHistory(history: History): Promise<void> {
  {
    await using berth = await startAndIndex(history)
    await look(history, berth.url, 'berth')
    await berth.stop()
  }
  expectNone('the folder', wrongFiles(history.data, history.model))
  history.story.push('docker-registry shows it, to compare')
  await using peer = await startDockerRegistry({ data: history.data })
  await look(history, peer.url, 'docker-registry')
}
