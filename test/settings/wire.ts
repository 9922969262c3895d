/** Pushing and asking over HTTP, as the tables of this suite need it. */
import { CONFIG, type ImageParts, newBlob, newImage, type Sample } from '../sample-content.ts'
import type { ArrangedServer } from './arranged-server.ts'

export const REPOSITORY = '/v2/team/app'

/** The path and query of a new upload's address, or the status of the refusal. */
export async function beginUpload(server: ArrangedServer): Promise<Response> {
  return await server.ask(`${REPOSITORY}/blobs/uploads/`, { method: 'POST' })
}

export async function statusOf(
  server: ArrangedServer,
  path: string,
  init: BunFetchRequestInit = {},
): Promise<number> {
  const answer = await server.ask(path, init)
  await answer.arrayBuffer()
  return answer.status
}

export async function pushBlob(server: ArrangedServer, blob: Sample, path = REPOSITORY): Promise<number> {
  const address = `${path}/blobs/uploads/?digest=${blob.digest}`
  return await statusOf(server, address, { method: 'POST', body: blob.bytes })
}

export async function pushManifest(
  server: ArrangedServer,
  manifest: Sample,
  reference: string = manifest.digest,
  path = REPOSITORY,
): Promise<number> {
  return await statusOf(server, `${path}/manifests/${reference}`, {
    method: 'PUT',
    headers: { 'content-type': manifest.mediaType },
    body: manifest.bytes,
  })
}

/** An image whose config is there, and nothing else that it names. */
export async function imageOn(server: ArrangedServer, parts: ImageParts = {}): Promise<Sample> {
  const config = parts.config ?? newBlob(CONFIG)
  await pushBlob(server, config)
  return newImage({ ...parts, config })
}
