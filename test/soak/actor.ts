/**
 * One of several who work at the same time on the same repositories. Tags and images are its own, so that it knows
 * what it was promised; layers are everybody's.
 */
import { content, noise } from '../clients/images.ts'
import type { SoakClient } from './client.ts'
import { type LayerStock, makeImage, makeIndex, type SoakImage } from './images.ts'
import type { Owner } from './owner.ts'

/** What it was told is there, and in which repository. */
interface Held {
  readonly repository: string
  readonly image: SoakImage
}

export interface ActorParts {
  readonly name: string
  readonly client: SoakClient
  readonly owner: Owner
  readonly layers: LayerStock
  readonly repositories: readonly string[]
  readonly random: () => number
}

/** From so many images on, it only deletes. */
const MOST_IMAGES = 60

export class Actor {
  readonly #parts: ActorParts
  /** By repository and digest. */
  readonly #held = new Map<string, Held>()
  /** By repository and tag: which of them it names. */
  readonly #tags = new Map<string, Held>()
  readonly #deleted: Held[] = []
  #made = 0

  constructor(parts: ActorParts) {
    this.#parts = parts
  }

  /** One step after another until it is told to stop. */
  async work(goesOn: () => boolean): Promise<void> {
    while (goesOn()) await this.#step()
  }

  /** Pulls everything that it was promised. */
  async pullAll(): Promise<void> {
    const { client } = this.#parts
    for (const { repository, image } of this.#held.values()) {
      await client.pull(repository, image.root.digest, image)
    }
    for (const [place, { repository, image }] of this.#tags) {
      await client.pull(repository, tagIn(place, repository), image)
    }
  }

  /** How many it holds. */
  get images(): number {
    return this.#held.size
  }

  /** The digests of all content that something which it holds needs, the manifests themselves included. */
  needed(): string[] {
    return [...this.#held.values()].flatMap(({ image }) =>
      [image, ...image.children].flatMap(({ root, blobs }) => [
        root.digest,
        ...blobs.map(({ digest }) => digest),
      ]),
    )
  }

  #step(): Promise<void> {
    const choice = this.#parts.random()
    if (this.#held.size > MOST_IMAGES) return this.#remove()
    if (choice < 0.3) return this.#pushNew()
    if (choice < 0.4) return this.#moveTag()
    if (choice < 0.6) return this.#remove()
    if (choice < 0.65) return this.#untag()
    if (choice < 0.73) return this.#pushAgain()
    if (choice < 0.78) return this.#restore()
    if (choice < 0.82) return this.#pushRubbish()
    return this.#pullSome()
  }

  async #pushNew(): Promise<void> {
    const repository = this.#pick(this.#parts.repositories)
    if (repository !== undefined) await this.#push({ repository, image: this.#newImage() }, this.#newTag())
  }

  async #moveTag(): Promise<void> {
    const [place, named] = this.#pick([...this.#tags]) ?? []
    if (place === undefined || named === undefined) return
    const { repository } = named
    await this.#push({ repository, image: this.#newImage() }, tagIn(place, repository))
  }

  /** What was deleted last. */
  async #pushAgain(): Promise<void> {
    const last = this.#deleted.pop()
    if (last !== undefined) await this.#push(last, this.#newTag())
  }

  async #push(pushed: Held, tag: string): Promise<void> {
    const { repository, image } = pushed
    const others = this.#parts.repositories.filter((each) => each !== repository)
    await this.#parts.client.push(repository, image, [tag], others)
    this.#held.set(placeOf(pushed), pushed)
    this.#tags.set(`${repository}:${tag}`, pushed)
  }

  async #untag(): Promise<void> {
    const [place, named] = this.#pick([...this.#tags]) ?? []
    if (place === undefined || named === undefined) return
    this.#tags.delete(place)
    await this.#parts.client.remove(named.repository, tagIn(place, named.repository))
  }

  /** With the children of an index. */
  async #remove(): Promise<void> {
    const held = this.#pick([...this.#held.values()])
    if (held === undefined) return
    const { repository, image } = held
    this.#held.delete(placeOf(held))
    for (const [place, named] of this.#tags) if (placeOf(named) === placeOf(held)) this.#tags.delete(place)
    for (const each of [image, ...image.children]) {
      await this.#parts.client.remove(repository, each.root.digest)
    }
    this.#deleted.push(held)
  }

  /** What was deleted last. */
  async #restore(): Promise<void> {
    const last = this.#deleted.pop()
    if (last === undefined) return
    const { repository, image } = last
    for (const each of [...image.children, image]) {
      const tags = await this.#parts.owner.restore(repository, each.root.digest)
      for (const tag of tags) this.#tags.set(`${repository}:${tag}`, last)
    }
    this.#held.set(placeOf(last), last)
    this.#parts.client.tally.restores++
  }

  /** A blob that no manifest will use, or an upload that nobody ends. */
  async #pushRubbish(): Promise<void> {
    const { client, random, repositories, name } = this.#parts
    const repository = this.#pick(repositories)
    if (repository === undefined) return
    const blob = content('application/octet-stream', noise(`${name} rubbish ${++this.#made}`, 50_000))
    await (random() < 0.5 ? client.pushLoose(repository, blob) : client.leaveUpload(repository, blob))
  }

  async #pullSome(): Promise<void> {
    const [place, named] = this.#pick([...this.#tags]) ?? []
    if (place === undefined || named === undefined) return
    await this.#parts.client.pull(named.repository, tagIn(place, named.repository), named.image)
  }

  #newImage(): SoakImage {
    const { name, layers, random } = this.#parts
    const one = () => makeImage(`${name} image ${++this.#made}`, layers.pick())
    return random() < 0.15 ? makeIndex([one(), one()]) : one()
  }

  #newTag(): string {
    return `${this.#parts.name}-${++this.#made}`
  }

  #pick<T>(some: readonly T[]): T | undefined {
    return some[Math.floor(this.#parts.random() * some.length)]
  }
}

function placeOf({ repository, image }: Held): string {
  return `${repository}@${image.root.digest}`
}

function tagIn(place: string, repository: string): string {
  return place.slice(repository.length + 1)
}
