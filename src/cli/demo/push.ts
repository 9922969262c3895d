/** Pushes the demo image the way every client does (distribution-spec "Pushing a blob in two requests"). */
import type { Digest } from '../../oci/digest.ts'
import { EXIT, Failure } from '../failure.ts'
import type { DemoImage, Piece } from './image.ts'
import { type RegistryClient, request, requireRegistry } from './registry-client.ts'

export interface Target {
  readonly registry: RegistryClient
  readonly repository: string
  readonly tag: string
}

/** Throws Failure with what to do when there is no registry, or it refuses. */
export async function pushImage(target: Target, image: DemoImage): Promise<void> {
  await requireRegistry(target.registry)
  for (const blob of image.blobs) await pushBlob(target, blob)
  for (const manifest of image.manifests) await putManifest(target, manifest, manifest.digest)
  await putManifest(target, image.index, target.tag)
}

async function pushBlob(target: Target, blob: Piece): Promise<void> {
  const blobs = `/v2/${target.repository}/blobs`
  const known = await request(target.registry, `${blobs}/${blob.digest}`, { method: 'HEAD' })
  if (known.ok) return
  const session = await accepted(target, `${blobs}/uploads/`, { method: 'POST' })
  const place = new URL(session.headers.get('location') ?? '', target.registry.url)
  place.searchParams.set('digest', blob.digest)
  await accepted(target, place.href.slice(place.origin.length), {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: blob.bytes,
  })
}

async function putManifest(target: Target, manifest: Piece, reference: Digest | string): Promise<void> {
  await accepted(target, `/v2/${target.repository}/manifests/${reference}`, {
    method: 'PUT',
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  })
}

async function accepted({ registry }: Target, path: string, init: RequestInit): Promise<Response> {
  const response = await request(registry, path, init)
  if (response.ok) return response
  throw new Failure(
    EXIT.FAILED,
    `The registry at ${registry.url} refused the demo image: ${await reasonOf(response)}`,
  )
}

/** The sentence of the first error (distribution-spec "Error Codes"), or the status where there is none. */
async function reasonOf(response: Response): Promise<string> {
  const text = await response.text()
  try {
    return JSON.parse(text).errors[0].message
  } catch {
    return `status ${response.status}`
  }
}
