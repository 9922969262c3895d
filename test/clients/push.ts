/**
 * The smallest client: pushes and deletes over plain HTTP the way docker does (POST, PATCH without a length,
 * PUT), and throws on any answer but the one that the specification names.
 */
import type { Content, Image } from './images.ts'

async function send(method: string, url: string, status: number, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(url, { ...init, method })
  const text = await answer.text()
  if (answer.status !== status) throw new Error(`${method} ${url} answered ${answer.status}: ${text}`)
  return answer
}

/** A body of unknown length, so that it travels in chunks. */
export function chunked(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const size = 64 * 1024
  let offset = 0
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) controller.close()
      else controller.enqueue(bytes.subarray(offset, offset + size))
      offset += size
    },
  })
}

/** The address that an answer's `Location` names, with `digest` added to its query where one is given. */
export function locationOf(answer: Response, url: string, digest?: string): string {
  const location = new URL(answer.headers.get('location') ?? '', url)
  if (digest !== undefined) location.searchParams.set('digest', digest)
  return location.href
}

/** Uploads a blob as docker does. */
export async function pushBlob(url: string, repository: string, blob: Content): Promise<void> {
  const begun = await send('POST', `${url}/v2/${repository}/blobs/uploads/`, 202)
  const patched = await send('PATCH', locationOf(begun, url), 202, { body: chunked(blob.bytes) })
  await send('PUT', locationOf(patched, url, blob.digest), 201)
}

/** Stores a manifest under a tag or its digest. */
export async function pushManifest(
  url: string,
  repository: string,
  reference: string,
  manifest: Content,
): Promise<void> {
  const headers = { 'content-type': manifest.mediaType }
  const path = `/v2/${repository}/manifests/${reference}`
  await send('PUT', `${url}${path}`, 201, { headers, body: manifest.bytes })
}

/** Pushes everything that an image consists of, and its root under the tag, or by digest alone. */
export async function pushImage(
  url: string,
  repository: string,
  tag: string | null,
  image: Image,
): Promise<void> {
  for (const blob of image.blobs) await pushBlob(url, repository, blob)
  for (const child of image.children) await pushManifest(url, repository, child.digest, child)
  await pushManifest(url, repository, tag ?? image.root.digest, image.root)
}

/** Deletes a manifest by digest, or a tag by name. */
export async function deleteManifest(url: string, repository: string, reference: string): Promise<void> {
  await send('DELETE', `${url}/v2/${repository}/manifests/${reference}`, 202)
}
