/**
 * A client that pushes as docker does: asks for each blob, takes it from another repository where it may, uploads
 * what is missing, and begins again where the registry says that something of it has gone meanwhile, as it may when
 * its leases are as short as here. Throws on any answer that no registry should give.
 */
import { type Content, digestOf, MEDIA_TYPES } from '../clients/images.ts'
import { chunked, locationOf } from '../clients/push.ts'
import type { SoakImage } from './images.ts'

/** How often things were done, or happened. */
export interface Tally {
  requests: number
  pushes: number
  uploads: number
  mounts: number
  foundByHead: number
  pulls: number
  failedPulls: string[]
  deletes: number
  restores: number
  /** A push that found a blob gone which it had been told is there, or that was asked to come again. */
  begunAgain: number
}

export function newTally(): Tally {
  return {
    ...{ requests: 0, pushes: 0, uploads: 0, mounts: 0, foundByHead: 0, pulls: 0, failedPulls: [] },
    ...{ deletes: 0, restores: 0, begunAgain: 0 },
  }
}

/** The push goes on from its beginning. */
class Overtaken extends Error {}

const MOST_ATTEMPTS = 10
const ACCEPT = [MEDIA_TYPES.manifest, MEDIA_TYPES.index].join(', ')

export class SoakClient {
  readonly #url: string
  readonly tally: Tally
  readonly #random: () => number

  constructor(url: string, tally: Tally, random: () => number) {
    this.#url = url
    this.tally = tally
    this.#random = random
  }

  /** Everything of the image, and its root under these references. `others`: repositories to take blobs from. */
  async push(
    repository: string,
    image: SoakImage,
    references: readonly string[],
    others: readonly string[],
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#pushOnce(repository, image, references, others)
        this.tally.pushes++
        return
      } catch (error) {
        if (!(error instanceof Overtaken) || attempt === MOST_ATTEMPTS) throw error
        this.tally.begunAgain++
      }
    }
  }

  /** Reads the manifest and everything that it needs; what is not as it was pushed is written down. */
  async pull(repository: string, reference: string, image: SoakImage): Promise<void> {
    this.tally.pulls++
    const problem = await this.#problemWith(repository, reference, image)
    if (problem !== null) this.tally.failedPulls.push(`${repository}:${reference}: ${problem}`)
  }

  /** A tag, or a manifest by its digest. */
  async remove(repository: string, reference: string): Promise<void> {
    this.tally.deletes++
    await this.#expect(202, 'DELETE', `/v2/${repository}/manifests/${reference}`)
  }

  /** A blob that no manifest will use. */
  pushLoose(repository: string, blob: Content): Promise<void> {
    return this.#upload(repository, blob)
  }

  /** Begins an upload and never ends it, or takes it back. */
  async leaveUpload(repository: string, blob: Content): Promise<void> {
    const begun = await this.#expect(202, 'POST', `/v2/${repository}/blobs/uploads/`)
    const address = locationOf(begun, this.#url)
    await this.#expect(202, 'PATCH', address, { body: chunked(blob.bytes) })
    if (this.#random() < 0.5) await this.#expect(204, 'DELETE', address)
  }

  async #pushOnce(
    repository: string,
    image: SoakImage,
    references: readonly string[],
    others: readonly string[],
  ): Promise<void> {
    for (const child of image.children) await this.#pushOnce(repository, child, [child.root.digest], others)
    for (const blob of image.blobs) await this.#bring(repository, blob, others)
    for (const reference of references) await this.#putManifest(repository, reference, image.root)
  }

  async #bring(repository: string, blob: Content, others: readonly string[]): Promise<void> {
    const head = await this.#send('HEAD', `/v2/${repository}/blobs/${blob.digest}`)
    if (head.status === 200) {
      this.tally.foundByHead++
      return
    }
    if (head.status !== 404) throw new Error(`HEAD of a blob answered ${head.status}`)
    const from = others[Math.floor(this.#random() * others.length * 2)]
    if (from !== undefined && (await this.#mount(repository, blob, from))) return
    await this.#upload(repository, blob)
  }

  async #mount(repository: string, { digest }: Content, from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from })
    const answer = await this.#send('POST', `/v2/${repository}/blobs/uploads/?${query}`)
    if (answer.status === 201) {
      this.tally.mounts++
      return true
    }
    if (answer.status !== 202) throw new Error(`a mount answered ${answer.status}: ${await answer.text()}`)
    await this.#expect(204, 'DELETE', locationOf(answer, this.#url))
    return false
  }

  async #upload(repository: string, blob: Content): Promise<void> {
    this.tally.uploads++
    if (this.#random() < 0.5) {
      const query = new URLSearchParams({ digest: blob.digest })
      await this.#expect(201, 'POST', `/v2/${repository}/blobs/uploads/?${query}`, { body: blob.bytes })
      return
    }
    const begun = await this.#expect(202, 'POST', `/v2/${repository}/blobs/uploads/`)
    const patched = await this.#expect(202, 'PATCH', locationOf(begun, this.#url), {
      body: chunked(blob.bytes),
    })
    await this.#expect(201, 'PUT', locationOf(patched, this.#url, blob.digest))
  }

  async #putManifest(repository: string, reference: string, manifest: Content): Promise<void> {
    const headers = { 'content-type': manifest.mediaType }
    const path = `/v2/${repository}/manifests/${reference}`
    const answer = await this.#send('PUT', path, { headers, body: manifest.bytes })
    if (answer.status === 201) return
    const text = await answer.text()
    if (text.includes('MANIFEST_BLOB_UNKNOWN')) throw new Overtaken(text)
    throw new Error(`a manifest was answered with ${answer.status}: ${text}`)
  }

  /** Null where everything is there. */
  async #problemWith(repository: string, reference: string, image: SoakImage): Promise<string | null> {
    const manifest = await this.#bytesAt(`/v2/${repository}/manifests/${reference}`)
    if (manifest !== image.root.digest) return `its manifest gave ${manifest}`
    for (const { digest } of image.blobs) {
      const found = await this.#bytesAt(`/v2/${repository}/blobs/${digest}`)
      if (found !== digest) return `the blob ${digest} gave ${found}`
    }
    for (const child of image.children) {
      const problem = await this.#problemWith(repository, child.root.digest, child)
      if (problem !== null) return problem
    }
    return null
  }

  /** The digest of what was answered, or the status where that is another than 200. */
  async #bytesAt(path: string): Promise<string> {
    const answer = await this.#send('GET', path, { headers: { accept: ACCEPT } })
    const bytes = await answer.bytes()
    return answer.status === 200 ? digestOf(bytes) : `${answer.status} ${new TextDecoder().decode(bytes)}`
  }

  async #expect(status: number, method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await this.#send(method, path, init)
    if (answer.status === status) return answer
    if (answer.status === 503) throw new Overtaken(await answer.text())
    throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`)
  }

  async #send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    this.tally.requests++
    return await fetch(new URL(path, this.#url), { ...init, method })
  }
}
