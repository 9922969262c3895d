/**
 * A term in which another registry serves the folder, is killed between its steps (a step that is cut off it leaves
 * half written) or stopped, and perhaps collects afterwards.
 */
import type { Image } from '../clients/images.ts'
import { collectGarbage, type PeerProgram, startDockerRegistry } from '../peer/docker-registry.ts'
import { type FactKey, type Model, parseFact } from './model.ts'
import { blobKey } from './stock.ts'
import { type History, look, write } from './telling.ts'

const KILLED = 0.5
const COLLECTS = 0.5
const COLLECTS_UNTAGGED = 0.25

export async function serveByPeer(history: History, program: PeerProgram): Promise<void> {
  await readAndWrite(history, program)
  if (history.random() < COLLECTS) await collect(history, program)
}

async function readAndWrite(history: History, program: PeerProgram): Promise<void> {
  history.story.push(`${program} starts`)
  await using peer = await startDockerRegistry({ data: history.data, program })
  await look(history, peer.url, program)
  await write(history, peer.url, program)
  const end = history.random() < KILLED ? 'kill' : 'stop'
  history.story.push(`${program} ends by ${end}`)
  await peer[end]()
}

/** What it must keep is told apart from what it may take; what it took, the program itself shows. */
async function collect(history: History, program: PeerProgram): Promise<void> {
  const { data, model, stock, story } = history
  const untagged = history.random() < COLLECTS_UNTAGGED
  story.push(`${program} collects${untagged ? ' -m' : ''}`)
  if (!(await hasCollected(data, program, untagged))) return
  model.collected(keptByCollection(model, stock, untagged))
  await using peer = await startDockerRegistry({ data, program })
  await look(history, peer.url, program)
}

/** registry:2 gives up, before it has taken anything, where a repository never had a tag. */
async function hasCollected(data: string, program: PeerProgram, untagged: boolean): Promise<boolean> {
  try {
    await collectGarbage(data, { program, args: untagged ? ['-m'] : [] })
    return true
  } catch (error) {
    const isGivenUp = error instanceof Error && error.message.includes('failed to mark')
    if (!untagged || !isGivenUp || !error.message.includes('failed to retrieve tags')) throw error
    return false
  }
}

/** Manifests and the blobs that they name; with -m those with a tag, and of these no child is safe from registry:2. */
function keptByCollection(model: Model, stock: readonly Image[], untagged: boolean): Set<FactKey> {
  const there = model.keys().filter((key) => typeof model.certain(key) === 'string')
  const tags = there.filter((key) => parseFact(key).kind === 'tag')
  const named = new Set(tags.map((key) => `manifest ${parseFact(key).repository} ${model.certain(key)}`))
  const manifests = there.filter((key) => parseFact(key).kind === 'manifest' && (!untagged || named.has(key)))
  return new Set([...tags, ...manifests, ...manifests.flatMap((key) => blobsOf(key, stock))])
}

function blobsOf(manifest: FactKey, stock: readonly Image[]): FactKey[] {
  const { repository, name } = parseFact(manifest)
  const image = stock.find(({ root, children }) => root.digest === name && children.length === 0)
  return image?.blobs.map(({ digest }) => blobKey(repository, digest)) ?? []
}
