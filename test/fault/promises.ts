/**
 * What must be true of a server whatever happened to it, held against the ledger of what it had answered: by
 * HTTP alone, so that any registry on the same folder can be asked.
 */
import { expect } from 'bun:test'
import { type Content, digestOf, MEDIA_TYPES } from '../clients/images.ts'
import { until } from '../until.ts'
import {
  appendUpTo,
  blobOf,
  finishUpload,
  type Ledger,
  manifestOf,
  type OpenUpload,
  RecordingClient,
} from './ledger.ts'

/** registry:2 gives an index only to who names its type. */
const ACCEPT = `*/*, ${MEDIA_TYPES.manifest}, ${MEDIA_TYPES.index}`

async function bytesAt(url: string): Promise<{ status: number; bytes: Uint8Array }> {
  const answer = await fetch(url, { headers: { accept: ACCEPT } })
  return { status: answer.status, bytes: await answer.bytes() }
}

/** Null where the tag names nothing. */
async function digestNamedBy(url: string, ledger: Ledger, tag: string): Promise<string | null> {
  const { status, bytes } = await bytesAt(manifestOf(url, ledger, tag))
  return status === 404 ? null : digestOf(bytes)
}

async function hasManifest(url: string, ledger: Ledger, digest: string): Promise<boolean> {
  return (await statusOfHead(manifestOf(url, ledger, digest))) === 200
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
  for (const path of ledger.deleted) {
    expect((await bytesAt(`${url}/v2/${ledger.repository}/${path}`)).status).toBe(404)
  }
  for (const [tag, { promised, asked }] of ledger.tags) {
    expect([promised, ...asked]).toContain(await digestNamedBy(url, ledger, tag))
  }
}

/** What was never acknowledged is whole or not there at all, wherever it shows. */
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
  for (const [tag, digest] of ledger.together) {
    const isThere = await hasManifest(url, ledger, digest)
    expect((await digestNamedBy(url, ledger, tag)) === digest).toBe(isThere)
  }
  await expectListsAgree(url, ledger)
}

/** A tag is listed exactly when it resolves, and a referrer exactly when it is there. */
async function expectListsAgree(url: string, ledger: Ledger): Promise<void> {
  const resolving: string[] = []
  for (const tag of ledger.tags.keys()) {
    if ((await digestNamedBy(url, ledger, tag)) !== null) resolving.push(tag)
  }
  expect(await listedTags(url, ledger)).toEqual(resolving.sort())
  for (const { digest, bytes, mediaType } of [...ledger.asked.values(), ...ledger.manifests.values()]) {
    const subject = mediaType.endsWith('manifest.v1+json') ? subjectOf(bytes) : null
    if (subject === null) continue
    const found = await bytesAt(`${url}/v2/${ledger.repository}/referrers/${subject}`)
    const isListed = new TextDecoder().decode(found.bytes).includes(digest)
    expect(isListed).toBe(await hasManifest(url, ledger, digest))
  }
}

async function listedTags(url: string, { repository }: Ledger): Promise<string[]> {
  const { status, bytes } = await bytesAt(`${url}/v2/${repository}/tags/list`)
  if (status === 404) return []
  return (JSON.parse(new TextDecoder().decode(bytes)) as { tags: string[] }).tags
}

function subjectOf(manifest: Uint8Array): string | null {
  const { subject } = JSON.parse(new TextDecoder().decode(manifest)) as { subject?: { digest: string } }
  return subject?.digest ?? null
}

/**
 * Uploads in progress kept what was acknowledged, and go on from there to their end; at once, or where it cannot
 * be known that their writers are dead, within so many milliseconds.
 */
export async function finishUploads(
  url: string,
  ledger: Ledger,
  options: { readonly withinMilliseconds: number } = { withinMilliseconds: 0 },
): Promise<void> {
  const client = new RecordingClient(url, ledger)
  for (const upload of [...ledger.uploads]) {
    const received = await receivedOf(url, upload)
    if (received === null) {
      // It became the blob before the answer got out: the closing request can be made again.
      expect(upload.isClosing).toBe(true)
    } else {
      expect(received).toBeGreaterThanOrEqual(upload.acknowledged)
      expect(received).toBeLessThanOrEqual(upload.sent)
      upload.acknowledged = received
      await until('the upload can go on', async () => await isFree(url, upload), options)
      const size = upload.blob.bytes.length
      if (received < size) await appendUpTo(client, upload, size)
    }
    await finishUpload(client, upload)
  }
}

/** Bytes; null where there is no such upload. */
async function receivedOf(url: string, { location }: OpenUpload): Promise<number | null> {
  const answer = await fetch(new URL(location, url))
  if (answer.status === 404) return null
  expect(answer.status).toBe(204)
  return lengthIn(answer)
}

/** Whoever had it lets go of it for a chunk of no bytes. */
async function isFree(url: string, { location, acknowledged }: OpenUpload): Promise<boolean> {
  const answer = await fetch(new URL(location, url), { method: 'PATCH' })
  await answer.arrayBuffer()
  expect([202, 416]).toContain(answer.status)
  expect(lengthIn(answer)).toBe(acknowledged)
  return answer.status === 202
}

/** Bytes. An empty upload says 0-0, and none here has one byte. */
function lengthIn(answer: Response): number {
  const last = Number(answer.headers.get('range')?.replace('0-', ''))
  return last === 0 ? 0 : last + 1
}
