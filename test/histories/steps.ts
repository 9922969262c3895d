/** The steps of a history: each is chosen by chance among those that the model allows, and must be answered with success. */

import type { Image } from '../clients/images.ts'
import { deleteManifest, locationOf, pushImage, pushManifest } from '../clients/push.ts'
import type { PeerProgram } from '../peer/docker-registry.ts'
import { type Changes, type FactKey, type Model, parseFact, type Value } from './model.ts'
import { blobKey, manifestKey, REPOSITORIES, TAGS, tagKey } from './stock.ts'

export interface Step {
  /** For the story that a failure tells. */
  readonly says: string
  /** What is so afterwards. */
  readonly changes: Changes
  /** Throws unless it is acknowledged. */
  perform(url: string): Promise<void>
}

export type Writer = 'berth' | PeerProgram

export interface Choice {
  readonly model: Model
  readonly stock: readonly Image[]
  readonly random: () => number
  readonly writer: Writer
}

type Maker = (choice: Choice) => Step | null

/** Null where there is nothing to do it with. The more often one stands here, the more often it is taken. */
const MAKERS: readonly Maker[] = [
  push,
  push,
  push,
  overtakeBerth,
  overtakeBerth,
  turnBerthBack,
  turnBerthBack,
  turnBerthBack,
  turnBerthBack,
  pushByDigest,
  moveTag,
  moveTag,
  dropManifest,
  dropTag,
  dropBlob,
  mount,
  leaveUpload,
]

export function chooseStep(choice: Choice): Step {
  for (;;) {
    const step = pick(choice, MAKERS)(choice)
    if (step !== null) return step
  }
}

/** One of them. Throws where there is none. */
export function pick<T>({ random }: { readonly random: () => number }, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)]
  if (one === undefined) throw new Error('there is nothing to choose from')
  return one
}

function push(choice: Choice): Step {
  return pushAs(choice, pick(choice, REPOSITORIES), pick(choice, TAGS))
}

/** Where both wrote, the tree wins. */
function overtakeBerth(choice: Choice): Step | null {
  const tags = choice.model.changedByBerth().filter(([key]) => parseFact(key).kind === 'tag')
  if (choice.writer === 'berth' || tags.length === 0) return null
  const { repository, name } = parseFact(pick(choice, tags)[0])
  return pushAs(choice, repository, name)
}

/** Also where what the other wrote is exactly what had been there before. */
function turnBerthBack(choice: Choice): Step | null {
  const changed = choice.model.changedByBerth()
  if (choice.writer === 'berth' || changed.length === 0) return null
  const [key, before] = pick(choice, changed)
  if (choice.model.certain(key) === before) return null
  return before === null ? dropAgain(choice, key) : pushAgain(choice, key, before)
}

function dropAgain(choice: Choice, key: FactKey): Step | null {
  const now = choice.model.certain(key)
  if (typeof now !== 'string') return null
  const { kind, repository, name } = parseFact(key)
  if (kind === 'blob') return dropBlobOf(repository, name)
  if (kind === 'tag' && choice.writer === 'registry') return dropTagOf(repository, name)
  const isThere = choice.model.present('manifest', repository).includes(manifestKey(repository, now))
  return isThere ? dropManifestOf(choice, repository, now) : null
}

function pushAgain(choice: Choice, key: FactKey, digest: string): Step | null {
  const { kind, repository, name } = parseFact(key)
  const images = choice.stock.filter(({ root, blobs }) =>
    kind === 'blob' ? blobs.some((blob) => blob.digest === digest) : root.digest === digest,
  )
  if (images.length === 0) return null
  const again = { ...choice, stock: images }
  return kind === 'tag' ? pushAs(again, repository, name) : pushByDigestTo(again, repository)
}

function pushAs(choice: Choice, repository: string, tag: string): Step {
  const image = pick(choice, choice.stock)
  return {
    says: `push ${repository}:${tag} ${image.root.digest}`,
    changes: new Map([...arrivals(repository, image), [tagKey(repository, tag), image.root.digest]]),
    perform: (url) => pushImage(url, repository, tag, image),
  }
}

function pushByDigest(choice: Choice): Step {
  return pushByDigestTo(choice, pick(choice, REPOSITORIES))
}

function pushByDigestTo(choice: Choice, repository: string): Step {
  const image = pick(choice, choice.stock)
  return {
    says: `push ${repository}@${image.root.digest}`,
    changes: new Map(arrivals(repository, image)),
    perform: (url) => pushImage(url, repository, null, image),
  }
}

function arrivals(repository: string, image: Image): [FactKey, Value][] {
  const manifests = [...image.children, image.root]
  return [
    ...image.blobs.map(({ digest }): [FactKey, Value] => [blobKey(repository, digest), digest]),
    ...manifests.map(({ digest }): [FactKey, Value] => [manifestKey(repository, digest), digest]),
  ]
}

/** To a manifest of which everything is there: else a registry may refuse it. */
function moveTag(choice: Choice): Step | null {
  const { model, stock } = choice
  const [repository, tag] = [pick(choice, REPOSITORIES), pick(choice, TAGS)]
  const whole = stock.filter((image) =>
    arrivals(repository, image).every(([key]) => typeof model.certain(key) === 'string'),
  )
  if (whole.length === 0) return null
  const { root } = pick(choice, whole)
  return {
    says: `tag ${repository}:${tag} ${root.digest}`,
    changes: new Map([[tagKey(repository, tag), root.digest]]),
    perform: (url) => pushManifest(url, repository, tag, root),
  }
}

function dropManifest(choice: Choice): Step | null {
  const repository = pick(choice, REPOSITORIES)
  const there = choice.model.present('manifest', repository)
  return there.length === 0 ? null : dropManifestOf(choice, repository, parseFact(pick(choice, there)).name)
}

/** Its tags go with it; so nobody may doubt which they are. */
function dropManifestOf({ model }: Choice, repository: string, digest: string): Step | null {
  const start = `tag ${repository} `
  const named = model.keys().filter((key) => key.startsWith(start) && model.mayBe(key, digest))
  if (named.some((tag) => model.certain(tag) !== digest)) return null
  const tags = named.map((tag): [FactKey, Value] => [tag, null])
  return {
    says: `delete ${repository}@${digest}`,
    changes: new Map([[manifestKey(repository, digest), null], ...tags]),
    perform: (url) => deleteManifest(url, repository, digest),
  }
}

function dropTag(choice: Choice): Step | null {
  const repository = pick(choice, REPOSITORIES)
  // registry:2 deletes by digest only.
  const there = choice.writer !== 'docker-registry' ? choice.model.present('tag', repository) : []
  return there.length === 0 ? null : dropTagOf(repository, parseFact(pick(choice, there)).name)
}

function dropTagOf(repository: string, tag: string): Step {
  return {
    says: `delete ${repository}:${tag}`,
    changes: new Map([[tagKey(repository, tag), null]]),
    perform: (url) => deleteManifest(url, repository, tag),
  }
}

function dropBlob(choice: Choice): Step | null {
  const repository = pick(choice, REPOSITORIES)
  const there = choice.model.present('blob', repository)
  return there.length === 0 ? null : dropBlobOf(repository, parseFact(pick(choice, there)).name)
}

function dropBlobOf(repository: string, digest: string): Step {
  return {
    says: `delete blob ${repository}@${digest}`,
    changes: new Map([[blobKey(repository, digest), null]]),
    perform: (url) =>
      expectStatus(fetch(`${url}/v2/${repository}/blobs/${digest}`, { method: 'DELETE' }), 202),
  }
}

function mount(choice: Choice): Step | null {
  const [from, repository] = [pick(choice, REPOSITORIES), pick(choice, REPOSITORIES)]
  const there = choice.model.present('blob', from)
  if (there.length === 0 || from === repository) return null
  const { name } = parseFact(pick(choice, there))
  const query = new URLSearchParams({ mount: name, from })
  return {
    says: `mount ${from}@${name} in ${repository}`,
    changes: new Map([[blobKey(repository, name), name]]),
    perform: (url) =>
      expectStatus(fetch(`${url}/v2/${repository}/blobs/uploads/?${query}`, { method: 'POST' }), 201),
  }
}

/** Begun and half sent, and never ended. */
function leaveUpload(choice: Choice): Step {
  const repository = pick(choice, REPOSITORIES)
  return {
    says: `leave an upload in ${repository}`,
    changes: new Map(),
    async perform(url) {
      const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
      await expectStatus(Promise.resolve(begun), 202)
      await expectStatus(fetch(locationOf(begun, url), { method: 'PATCH', body: 'half of a blob' }), 202)
    },
  }
}

async function expectStatus(asking: Promise<Response>, status: number): Promise<void> {
  const answer = await asking
  const text = await answer.text()
  if (answer.status !== status) throw new Error(`${answer.url} answered ${answer.status}: ${text}`)
}
