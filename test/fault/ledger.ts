/**
 * A client that pushes, moves tags and deletes over plain HTTP, and writes down what it was promised: each
 * answer 2xx as a fact that must hold afterwards, and what it asked for without an answer as a possibility.
 * It goes on, round after round, until the connection breaks; around each request a test may arm a fault.
 */
import { buildIndex, type Content, content, digestOf, noise } from '../clients/images.ts'
import { chunked, locationOf } from '../clients/push.ts'
import { artifactOf, smallImage } from '../clients/sample-images.ts'

const LAYER = 1_500_000
const OPEN_UPLOAD = 200_000

/** The server, or the part of it that had the request, went away: whether it took effect is not known. */
export class ConnectionLost extends Error {}

/** What a request asks for, as far as a crash in its midst is a case of its own. */
export const REQUEST_KINDS = [
  'begin upload',
  'PATCH',
  'PUT blob',
  'POST blob',
  'PUT manifest',
  'move tag',
  'delete tag',
  'delete manifest',
  'delete blob',
] as const

export type RequestKind = (typeof REQUEST_KINDS)[number]

/** What a tag may name: the digest last promised, and those whose promise never came; null is "nothing". */
interface TagState {
  readonly promised: string | null
  readonly asked: readonly (string | null)[]
}

/** An upload whose begin was answered with 202, and whose end was not answered with 201. */
export interface OpenUpload {
  readonly blob: Content
  /** Path and query, as last answered. */
  location: string
  /** Bytes answered with 202. */
  acknowledged: number
  /** Bytes sent, answered or not. */
  sent: number
  /** The closing request was sent. */
  isClosing: boolean
}

export class Ledger {
  readonly repository: string
  /** Blobs answered with 201, in full. */
  readonly blobs = new Map<string, Content>()
  /** Manifests answered with 201 and not deleted since. */
  readonly manifests = new Map<string, Content>()
  /** What was answered with 202 to its deletion: `blobs/<digest>`, `manifests/<digest>`. */
  readonly deleted = new Set<string>()
  /** Content that was sent, but never acknowledged. */
  readonly asked = new Map<string, Content>()
  readonly tags = new Map<string, TagState>()
  /** Tag → manifest that one unanswered request adds or removes together: both are there, or neither is. */
  readonly together = new Map<string, string>()
  readonly uploads = new Set<OpenUpload>()

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

  /** A blob is about to be sent. */
  askBlob(blob: Content): void {
    this.asked.set(blob.digest, blob)
    this.deleted.delete(`blobs/${blob.digest}`)
  }

  /** Tags that were promised to name the digest. */
  tagsOf(digest: string): string[] {
    return [...this.tags].filter(([, { promised }]) => promised === digest).map(([tag]) => tag)
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
  let body: string
  try {
    answer = await fetch(url, { ...init, method, keepalive: false })
    body = await answer.text()
  } catch (error) {
    throw new ConnectionLost(`${method} ${url}`, { cause: error })
  }
  if (answer.status === 503) throw new ConnectionLost(`${method} ${url} answered 503: ${body}`)
  if (answer.status !== status) throw new Error(`${method} ${url} answered ${answer.status}, not ${status}`)
  return answer
}

/** A request of a round; the first has the number 0. */
export interface SentRequest {
  readonly number: number
  readonly kind: RequestKind
}

/** What a test does around each request; it is waited for. */
export interface RequestHooks {
  before?(request: SentRequest): Promise<void>
  /** The answer is there, and was the right one. */
  answered?(request: SentRequest): Promise<void>
}

/** Sends the requests of a push one after another, and keeps the ledger. */
export class RecordingClient {
  readonly url: string
  readonly ledger: Ledger
  readonly #hooks: RequestHooks
  #requests = 0

  constructor(url: string, ledger: Ledger, hooks: RequestHooks = {}) {
    this.url = url
    this.ledger = ledger
    this.#hooks = hooks
  }

  async send(
    kind: RequestKind,
    method: string,
    url: string,
    status: number,
    init: RequestInit = {},
  ): Promise<Response> {
    const sent = { number: this.#requests, kind }
    await this.#hooks.before?.(sent)
    this.#requests += 1
    const answer = await request(method, url, status, init)
    await this.#hooks.answered?.(sent)
    return answer
  }
}

function uploadsOf({ url, ledger }: RecordingClient): string {
  return `${url}/v2/${ledger.repository}/blobs/uploads/`
}

export function manifestOf(url: string, { repository }: Ledger, reference: string): string {
  return `${url}/v2/${repository}/manifests/${reference}`
}

export function blobOf(url: string, { repository }: Ledger, digest: string): string {
  return `${url}/v2/${repository}/blobs/${digest}`
}

/** Without the server's address, which is another one after a restart. */
function placeOf(answer: Response, url: string): string {
  const { pathname, search } = new URL(locationOf(answer, url))
  return `${pathname}${search}`
}

/** POST: a session without bytes. */
export async function beginUpload(client: RecordingClient, blob: Content): Promise<OpenUpload> {
  client.ledger.askBlob(blob)
  const begun = await client.send('begin upload', 'POST', uploadsOf(client), 202)
  const upload = { blob, location: placeOf(begun, client.url), acknowledged: 0, sent: 0, isClosing: false }
  client.ledger.uploads.add(upload)
  return upload
}

/** Sends the bytes from where the upload stands up to `end`: first without a length, then as a named range. */
export async function appendUpTo(client: RecordingClient, upload: OpenUpload, end: number): Promise<void> {
  const { acknowledged: start, blob } = upload
  const bytes = blob.bytes.subarray(start, end)
  const init =
    start === 0
      ? { body: chunked(bytes) }
      : { body: bytes, headers: { 'content-range': `${start}-${end - 1}` } }
  upload.sent = end
  const answer = await client.send('PATCH', 'PATCH', new URL(upload.location, client.url).href, 202, init)
  upload.acknowledged = end
  upload.location = placeOf(answer, client.url)
}

export async function finishUpload(client: RecordingClient, upload: OpenUpload): Promise<void> {
  const { blob } = upload
  const address = new URL(upload.location, client.url)
  address.searchParams.set('digest', blob.digest)
  upload.isClosing = true
  await client.send('PUT blob', 'PUT', address.href, 201)
  client.ledger.uploads.delete(upload)
  client.ledger.blobs.set(blob.digest, blob)
}

/** POST, PATCH in chunks, PUT: docker's way. */
async function pushInPieces(client: RecordingClient, blob: Content): Promise<void> {
  const upload = await beginUpload(client, blob)
  await appendUpTo(client, upload, blob.bytes.length)
  await finishUpload(client, upload)
}

/** One POST that carries everything. */
async function pushAtOnce(client: RecordingClient, blob: Content): Promise<void> {
  client.ledger.askBlob(blob)
  const query = `?digest=${encodeURIComponent(blob.digest)}`
  await client.send('POST blob', 'POST', `${uploadsOf(client)}${query}`, 201, { body: blob.bytes })
  client.ledger.blobs.set(blob.digest, blob)
}

/** An upload that two requests bring half-way, and that is left open. */
async function leaveUploadOpen(client: RecordingClient, blob: Content): Promise<void> {
  const upload = await beginUpload(client, blob)
  await appendUpTo(client, upload, blob.bytes.length / 4)
  await appendUpTo(client, upload, blob.bytes.length / 2)
}

async function putManifest(client: RecordingClient, reference: string, manifest: Content): Promise<void> {
  const { ledger } = client
  const { digest, bytes, mediaType } = manifest
  const tag = reference === digest ? null : reference
  const named = tag === null ? null : ledger.stateOf(tag).promised
  ledger.asked.set(digest, manifest)
  ledger.deleted.delete(`manifests/${digest}`)
  if (tag !== null) ledger.askTag(tag, digest)
  if (tag !== null && !ledger.manifests.has(digest)) ledger.together.set(tag, digest)
  const kind = named === null || named === digest ? 'PUT manifest' : 'move tag'
  const headers = { 'content-type': mediaType }
  await client.send(kind, 'PUT', manifestOf(client.url, ledger, reference), 201, { headers, body: bytes })
  if (tag !== null) ledger.together.delete(tag)
  if (tag !== null) ledger.promiseTag(tag, digest)
  ledger.manifests.set(digest, manifest)
}

async function deleteTag(client: RecordingClient, tag: string): Promise<void> {
  client.ledger.askTag(tag, null)
  await client.send('delete tag', 'DELETE', manifestOf(client.url, client.ledger, tag), 202)
  client.ledger.promiseTag(tag, null)
}

/** Its tags go with it. */
async function deleteManifest(client: RecordingClient, { digest }: Content): Promise<void> {
  const { ledger } = client
  const tags = ledger.tagsOf(digest)
  ledger.manifests.delete(digest)
  for (const tag of tags) {
    ledger.askTag(tag, null)
    ledger.together.set(tag, digest)
  }
  await client.send('delete manifest', 'DELETE', manifestOf(client.url, ledger, digest), 202)
  for (const tag of tags) {
    ledger.promiseTag(tag, null)
    ledger.together.delete(tag)
  }
  ledger.asked.delete(digest)
  ledger.deleted.add(`manifests/${digest}`)
}

async function deleteBlob(client: RecordingClient, { digest }: Content): Promise<void> {
  const { ledger } = client
  ledger.blobs.delete(digest)
  await client.send('delete blob', 'DELETE', blobOf(client.url, ledger, digest), 202)
  ledger.asked.delete(digest)
  ledger.deleted.add(`blobs/${digest}`)
}

/**
 * One whole push, with an index, an artifact, a deleted tag, a deleted manifest and a deleted blob. From the
 * second round on, with another seed, it moves a tag.
 */
export async function pushRound(client: RecordingClient, seed: string): Promise<void> {
  const image = smallImage(seed)
  await pushInPieces(client, content('application/octet-stream', noise(`${seed} layer`, LAYER)))
  for (const blob of image.blobs) await pushAtOnce(client, blob)
  await leaveUploadOpen(client, content('application/octet-stream', noise(`${seed} open`, OPEN_UPLOAD)))
  await putManifest(client, 'latest', image.root)
  await putManifest(client, 'short-lived', image.root)
  const index = buildIndex(new Map([['amd64', image]]))
  await putManifest(client, index.root.digest, index.root)
  const artifact = artifactOf(image.root, `application/vnd.example.${digestOf(noise(seed, 8)).slice(-8)}`)
  for (const blob of artifact.blobs) await pushAtOnce(client, blob)
  await putManifest(client, 'signed', artifact.root)
  await deleteTag(client, 'short-lived')
  await deleteManifest(client, artifact.root)
  for (const blob of artifact.blobs.slice(-1)) await deleteBlob(client, blob)
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
