/** The three ways in which clients send a blob, each following what the registry answers, through a proxy. */

import type { Content } from '../clients/images.ts'
import { chunked } from '../clients/push.ts'
import { ask, type Entrance } from './front.ts'

export type Manner = (front: Entrance, repository: string, blob: Content) => Promise<Upload>

export interface Upload {
  /** Every `Location` that came, in order. */
  readonly locations: readonly string[]
}

/** POST, then everything in one PUT. */
export const monolithic: Manner = async (front, repository, blob) => {
  const talk = new Talk(front)
  await talk.begin(repository)
  await talk.send('PUT', 201, { body: blob.bytes }, blob.digest)
  return talk
}

/** POST, two PATCHes that say where they begin, PUT. */
export const inChunks: Manner = async (front, repository, blob) => {
  const talk = new Talk(front)
  await talk.begin(repository)
  const half = Math.floor(blob.bytes.length / 2)
  for (const [start, end] of [
    [0, half],
    [half, blob.bytes.length],
  ] as const) {
    const headers = { 'content-range': `${start}-${end - 1}` }
    await talk.send('PATCH', 202, { headers, body: blob.bytes.subarray(start, end) })
  }
  await talk.send('PUT', 201, {}, blob.digest)
  return talk
}

/** POST, one PATCH of unknown length (`Transfer-Encoding: chunked`), PUT: as Docker does. */
export const asStream: Manner = async (front, repository, blob) => {
  const talk = new Talk(front)
  await talk.begin(repository)
  await talk.send('PATCH', 202, { body: chunked(blob.bytes) })
  await talk.send('PUT', 201, {}, blob.digest)
  return talk
}

/** One upload, which goes on where the last answer said. */
class Talk implements Upload {
  readonly locations: string[] = []
  readonly #front: Entrance
  #next = ''

  constructor(front: Entrance) {
    this.#front = front
  }

  begin(repository: string): Promise<void> {
    this.#next = `${this.#front.url}/v2/${repository}/blobs/uploads/`
    return this.send('POST', 202)
  }

  /** Throws with the answer when it is not the status that the specification names. */
  async send(method: string, status: number, init: RequestInit = {}, digest?: string): Promise<void> {
    const target = new URL(this.#next)
    if (digest !== undefined) target.searchParams.set('digest', digest)
    const answer = await ask(this.#front, method, target.href, init)
    const text = await answer.text()
    if (answer.status !== status) throw new Error(`${method} ${target} answered ${answer.status}: ${text}`)
    const location = answer.headers.get('location') ?? 'no Location'
    this.locations.push(location)
    this.#next = new URL(location, target).href
  }
}
