/**
 * A soak: several push, delete, push again, restore and pull for a time, while what nothing needs is collected
 * within seconds. What must hold at the end is thrown where it does not: every pull of what was acknowledged has
 * succeeded, and when the trash has been emptied and the grace is over the disk has exactly what is needed, and as
 * many bytes as are accounted for.
 */
import { findRunningServer } from '../../src/cli/control-client.ts'
import { randomFrom } from '../random.ts'
import { until } from '../until.ts'
import { Actor } from './actor.ts'
import { newTally, SoakClient, type Tally } from './client.ts'
import type { Form, Servers } from './forms.ts'
import { LayerStock } from './images.ts'
import { Owner } from './owner.ts'
import { condemnedFiles, storedContent } from './stored.ts'

export interface SoakReport extends Tally {
  readonly form: string
  readonly seconds: number
  /** From the end of all pushes and the emptying of the trash until nothing was left over. */
  readonly secondsUntilClean: number
  readonly images: number
  readonly storedBytes: number
  readonly accountedBytes: number
}

const ACTORS = 6
const REPOSITORIES = ['soak/one', 'soak/two', 'soak/three']
/** More than all times of collection together, and than what it has not caught up with while it rested beside pushes. */
const CLEAN_WITHIN_MS = 90_000
const CLEAN_WITHIN_MS_A_SECOND = 3_000

export async function soak(
  form: Form,
  { seconds, seed }: { readonly seconds: number; readonly seed: number },
): Promise<SoakReport> {
  await using servers = await form.start()
  const owner = await ownerOf(servers)
  const tally = newTally()
  const actors = makeActors(servers, owner, tally, seed)
  const ends = performance.now() + seconds * 1000
  await Promise.all(actors.map((actor) => actor.work(() => performance.now() < ends)))
  await pullAll(actors, tally)
  await owner.emptyTrash()
  const secondsUntilClean = await untilClean(servers, actors, seconds)
  await pullAll(actors, tally)
  const stored = storedContent(servers.data)
  const storedBytes = [...stored.values()].reduce((sum, size) => sum + size, 0)
  const accountedBytes = await owner.accountedBytes()
  if (accountedBytes !== storedBytes) {
    throw new Error(`${storedBytes} bytes are on the disk, and ${accountedBytes} are accounted for`)
  }
  const images = actors.reduce((sum, actor) => sum + actor.images, 0)
  return { form: form.name, seconds, secondsUntilClean, images, storedBytes, accountedBytes, ...tally }
}

async function ownerOf({ data }: Servers): Promise<Owner> {
  const server = await findRunningServer(data)
  if (server === null) throw new Error('nobody answers the owner')
  return new Owner(server)
}

function makeActors({ all }: Servers, owner: Owner, tally: Tally, seed: number): Actor[] {
  const layers = new LayerStock(randomFrom(seed))
  return Array.from({ length: ACTORS }, (_, number) => {
    const random = randomFrom(seed + number + 1)
    const url = all[number % all.length]?.url ?? ''
    const client = new SoakClient(url, tally, random)
    return new Actor({ name: `actor-${number}`, client, owner, layers, repositories: REPOSITORIES, random })
  })
}

async function pullAll(actors: readonly Actor[], tally: Tally): Promise<void> {
  for (const actor of actors) await actor.pullAll()
  if (tally.failedPulls.length > 0) {
    throw new Error(`${tally.failedPulls.length} pulls failed:\n${tally.failedPulls.slice(0, 20).join('\n')}`)
  }
}

/** Waits until the disk has what is needed and nothing else; gives the seconds. */
async function untilClean({ data }: Servers, actors: readonly Actor[], seconds: number): Promise<number> {
  const withinMilliseconds = CLEAN_WITHIN_MS + seconds * CLEAN_WITHIN_MS_A_SECOND
  const began = performance.now()
  const needed = new Set(actors.flatMap((actor) => actor.needed()))
  let told = ''
  const isClean = () => {
    const stored = storedContent(data)
    const extra = [...stored.keys()].filter((digest) => !needed.has(digest))
    const missing = [...needed].filter((digest) => !stored.has(digest))
    if (missing.length > 0) throw new Error(`the disk lacks what is needed:\n${missing.join('\n')}`)
    const aside = condemnedFiles(data)
    told = `left over: ${extra.length} (${extra.slice(0, 5)}), aside: ${aside.length} (${aside.slice(0, 5)})`
    return extra.length === 0 && aside.length === 0
  }
  await until('nothing is left over', isClean, { withinMilliseconds }).catch((error) => {
    throw new Error(told, { cause: error })
  })
  return (performance.now() - began) / 1000
}
