/**
 * A client that pushes, moves tags and deletes over plain HTTP, and writes down what it was promised: each
 * answer 2xx as a fact that must hold afterwards, and what it asked for without an answer as a possibility.
 * It goes on, round after round, until the connection breaks; before each request a hook may arm a fault.
 */
import { expect } from 'bun:test'
import { type Content, content, digestOf, noise } from '../clients/images.ts'
import { chunked, locationOf } from '../clients/push.ts'
import { artifactOf, smallImage } from '../clients/sample-images.ts'

const LAYER = 1_500_000
const OPEN_UPLOAD = 200_000

/** The server, or the part of it that had the request, went away: whether it took effect is not known. */
export class ConnectionLost extends Error {}

/** What a tag may name: the digest last promised, and those whose promise never came; null is "nothing". */
interface TagState {
  readonly promised: string | null
  readonly asked: readonly (string | null)[]
}

interface OpenUpload {
  readonly location: string
  readonly sent: Uint8Array<ArrayBuffer>
}

export class Ledger {
  readonly repository: string
  /** Blobs answered with 201, in full. */
  readonly blobs = new Map<string, Content>()
  /** Manifests answered with 201 and not deleted since. */
  readonly manifests = new Map<string, Content>()
  /** Digests whose deletion was answered with 202. */
  readonly deleted = new Set<string>()
  /** Content that was sent, but never acknowledged. */
  readonly asked = new Map<string, Content>()
  readonly tags = new Map<string, TagState>()
  /** Uploads in progress whose bytes were answered with 202. */
  readonly uploads: OpenUpload[] = []

  constructor(repository = 'fault/app') {
    this.repository = repository
  }

  stateOf(tag: string): TagState {
    return this.tags.get(tag) ?? { promised: null, asked: [] }
  }

  /** A tag was asked to name `digest`, or nothing. */
  askTag(tag: string, digest: string | null): void {
    const { promised, asked } = this.stateOf(tag)
    this.tags.set(tag, { promised, asked: [...asked, digest] })
  }

  /** What was asked last was answered with 2xx; what had no answer before may still come. */
  promiseTag(tag: string, digest: string | null): void {
    this.tags.set(tag, { promised: digest, asked: this.stateOf(tag).asked.slice(0, -1) })
  }
}

/** One request that must be answered with `status`; throws ConnectionLost when no answer comes. */
async function request(
  method: string,
  url: string,
  status: number,
  init: RequestInit = {},
): Promise<Response> {
  let answer: Response
  try {
    answer = await fetch(url, { ...init, method, keepalive: false })
    await answer.arrayBuffer()
  } catch (error) {
    throw new ConnectionLost(`${method} ${url}`, { cause: error })
  }
  if (answer.status === 503) throw new ConnectionLost(`${method} ${url} answered 503`)
  if (answer.status !== status) throw new Error(`${method} ${url} answered ${answer.status}, not ${status}`)
  return answer
}

/** Sends the requests of a push one after another, and keeps the ledger. */
export class RecordingClient {
  readonly url: string
  readonly ledger: Ledger
  readonly #beforeRequest: (number: number) => Promise<void>
  #requests = 0

  /** `beforeRequest` is given 0 for the first request, and is waited for. */
  constructor(
    url: string,
    ledger: Ledger,
    beforeRequest: (number: number) => Promise<void> = async () => {},
  ) {
    this.url = url
    this.ledger = ledger
    this.#beforeRequest = beforeRequest
  }

  async send(method: string, url: string, status: number, init: RequestInit = {}): Promise<Response> {
    await this.#beforeRequest(this.#requests)
    this.#requests += 1
    return await request(method, url, status, init)
  }
}

function uploadsOf({ url, ledger }: RecordingClient): string {
  return `${url}/v2/${ledger.repository}/blobs/uploads/`
}

function manifestOf(url: string, { repository }: Ledger, reference: string): string {
  return `${url}/v2/${repository}/manifests/${reference}`
}

function blobOf(url: string, { repository }: Ledger, digest: string): string {
  return `${url}/v2/${repository}/blobs/${digest}`
}

/** POST, PATCH in chunks, PUT: docker's way. */
async function pushInPieces(client: RecordingClient, blob: Content): Promise<void> {
  client.ledger.asked.set(blob.digest, blob)
  const begun = await client.send('POST', uploadsOf(client), 202)
  const patched = await client.send('PATCH', locationOf(begun, client.url), 202, {
    body: chunked(blob.bytes),
  })
  await client.send('PUT', locationOf(patched, client.url, blob.digest), 201)
  client.ledger.blobs.set(blob.digest, blob)
}

/** One POST that carries everything. */
async function pushAtOnce(client: RecordingClient, blob: Content): Promise<void> {
  client.ledger.asked.set(blob.digest, blob)
  const query = `?digest=${encodeURIComponent(blob.digest)}`
  await client.send('POST', `${uploadsOf(client)}${query}`, 201, { body: blob.bytes })
  client.ledger.blobs.set(blob.digest, blob)
}

/** An upload that is begun and left open. */
async function beginUpload(client: RecordingClient, sent: Uint8Array<ArrayBuffer>): Promise<void> {
  const begun = await client.send('POST', uploadsOf(client), 202)
  const patched = await client.send('PATCH', locationOf(begun, client.url), 202, { body: sent })
  const location = new URL(locationOf(patched, client.url))
  client.ledger.uploads.push({ location: `${location.pathname}${location.search}`, sent })
}

async function putManifest(client: RecordingClient, reference: string, manifest: Content): Promise<void> {
  client.ledger.asked.set(manifest.digest, manifest)
  client.ledger.deleted.delete(manifest.digest)
  const isTag = !reference.includes(':')
  if (isTag) client.ledger.askTag(reference, manifest.digest)
  const headers = { 'content-type': manifest.mediaType }
  await client.send('PUT', manifestOf(client.url, client.ledger, reference), 201, {
    headers,
    body: manifest.bytes,
  })
  if (isTag) client.ledger.promiseTag(reference, manifest.digest)
  client.ledger.manifests.set(manifest.digest, manifest)
}

async function deleteTag(client: RecordingClient, tag: string): Promise<void> {
  client.ledger.askTag(tag, null)
  await client.send('DELETE', manifestOf(client.url, client.ledger, tag), 202)
  client.ledger.promiseTag(tag, null)
}

async function deleteManifest(client: RecordingClient, manifest: Content): Promise<void> {
  client.ledger.manifests.delete(manifest.digest)
  await client.send('DELETE', manifestOf(client.url, client.ledger, manifest.digest), 202)
  client.ledger.asked.delete(manifest.digest)
  client.ledger.deleted.add(manifest.digest)
}

/** One whole push with a moved tag, an artifact, a deleted tag and a deleted manifest. */
export async function pushRound(client: RecordingClient, seed: string): Promise<void> {
  const image = smallImage(seed)
  const layer = content('application/octet-stream', noise(`${seed} layer`, LAYER))
  await pushInPieces(client, layer)
  for (const blob of image.blobs) await pushAtOnce(client, blob)
  await beginUpload(client, noise(`${seed} open`, OPEN_UPLOAD))
  await putManifest(client, 'latest', image.root)
  await putManifest(client, 'short-lived', image.root)
  const artifact = artifactOf(image.root, `application/vnd.example.${digestOf(noise(seed, 8)).slice(-8)}`)
  for (const blob of artifact.blobs) await pushAtOnce(client, blob)
  await putManifest(client, artifact.root.digest, artifact.root)
  await deleteTag(client, 'short-lived')
  await deleteManifest(client, artifact.root)
}

/** Pushes round after round until the server is gone. Throws when it outlives `rounds`, or refuses something. */
export async function pushUntilLost(client: RecordingClient, seed: string, rounds: number): Promise<void> {
  try {
    for (let round = 0; round < rounds; round += 1) await pushRound(client, `${seed} round ${round}`)
  } catch (error) {
    if (error instanceof ConnectionLost) return
    throw error
  }
  throw new Error(`The server lived on through ${rounds} rounds.`)
}

/** Pushes round after round until told to stop; a round whose connection is lost is left, and the next begun. */
export async function pushWhile(goesOn: () => boolean, client: RecordingClient, seed: string): Promise<void> {
  for (let round = 0; goesOn(); round += 1) {
    try {
      await pushRound(client, `${seed} round ${round}`)
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
    }
  }
}

async function bytesAt(url: string): Promise<{ status: number; bytes: Uint8Array }> {
  const answer = await fetch(url, { headers: { accept: '*/*, application/vnd.oci.image.manifest.v1+json' } })
  return { status: answer.status, bytes: await answer.bytes() }
}

async function statusOfHead(url: string): Promise<number> {
  return (await fetch(url, { method: 'HEAD' })).status
}

function expectBytes(found: { status: number; bytes: Uint8Array }, promised: Content): void {
  expect(found.status).toBe(200)
  expect(digestOf(found.bytes)).toBe(promised.digest)
}

/** What was answered 2xx is there, and reads back by digest; what was deleted is not. */
export async function expectPromisesKept(url: string, ledger: Ledger): Promise<void> {
  for (const blob of ledger.blobs.values()) expectBytes(await bytesAt(blobOf(url, ledger, blob.digest)), blob)
  for (const manifest of ledger.manifests.values()) {
    expectBytes(await bytesAt(manifestOf(url, ledger, manifest.digest)), manifest)
  }
  for (const digest of ledger.deleted)
    expect((await bytesAt(manifestOf(url, ledger, digest))).status).toBe(404)
  for (const [tag, { promised, asked }] of ledger.tags) {
    const { status, bytes } = await bytesAt(manifestOf(url, ledger, tag))
    const named = status === 404 ? null : digestOf(bytes)
    expect([promised, ...asked]).toContain(named)
  }
}

/** What was never acknowledged is whole or not there at all: HEAD and GET agree. */
export async function expectNothingHalf(url: string, ledger: Ledger): Promise<void> {
  for (const asked of ledger.asked.values()) {
    for (const address of [blobOf(url, ledger, asked.digest), manifestOf(url, ledger, asked.digest)]) {
      const head = await statusOfHead(address)
      const found = await bytesAt(address)
      expect(found.status).toBe(head)
      expect([200, 404]).toContain(head)
      if (head === 200) expect(digestOf(found.bytes)).toBe(asked.digest)
    }
  }
}

/** Uploads in progress kept what was acknowledged, and can be finished. */
export async function finishUploads(url: string, ledger: Ledger): Promise<void> {
  for (const { location, sent } of ledger.uploads.splice(0)) {
    const address = new URL(location, url).href
    const status = await request('GET', address, 204)
    expect(status.headers.get('range')).toBe(`0-${sent.length - 1}`)
    const rest = new TextEncoder().encode(' and the rest')
    const whole = content('application/octet-stream', new Uint8Array(Buffer.concat([sent, rest])))
    await request('PUT', locationOf(status, url, whole.digest), 201, { body: rest })
    ledger.blobs.set(whole.digest, whole)
  }
}
