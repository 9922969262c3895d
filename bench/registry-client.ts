/**
 * What a client does when it pushes, over one connection: for each blob HEAD, POST, PATCH without a length, PUT;
 * then the manifest. Throws on any answer but the expected one, so that no figure is that of an error.
 */
import type { Content, Image } from '../test/clients/images.ts'
import type { Answer, Connection, OutgoingRequest } from './connection.ts'

/** What docker sends when it asks for a manifest. */
export const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

export function manifestPath(repository: string, reference: string): string {
  return `/v2/${repository}/manifests/${reference}`
}

export function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`
}

/** Throws unless the answer has this status. */
export async function send(
  connection: Connection,
  status: number,
  outgoing: OutgoingRequest,
): Promise<Answer> {
  const answer = await connection.request(outgoing)
  if (answer.status === status) return answer
  const { method, path } = outgoing
  throw new Error(`${method} ${path} answered ${answer.status} instead of ${status}: ${answer.body}`)
}

export async function pushImage(
  connection: Connection,
  repository: string,
  tag: string,
  image: Image,
): Promise<void> {
  for (const blob of image.blobs) await pushBlob(connection, repository, blob)
  await putManifest(connection, repository, tag, image.root)
}

async function pushBlob(connection: Connection, repository: string, blob: Content): Promise<void> {
  await send(connection, 404, { method: 'HEAD', path: blobPath(repository, blob.digest) })
  const upload = await beginUpload(connection, repository)
  const patch = { method: 'PATCH', path: upload, body: blob.bytes, isChunked: true }
  await finishUpload(connection, locationOf(await send(connection, 202, patch)), blob.digest)
}

/** Gives the address of the upload, as path and query. */
export async function beginUpload(connection: Connection, repository: string): Promise<string> {
  return locationOf(await send(connection, 202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` }))
}

export async function finishUpload(connection: Connection, upload: string, digest: string): Promise<void> {
  const path = `${upload}${upload.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`
  await send(connection, 201, { method: 'PUT', path })
}

export async function putManifest(
  connection: Connection,
  repository: string,
  reference: string,
  manifest: Content,
): Promise<void> {
  const headers = { 'Content-Type': manifest.mediaType }
  const path = manifestPath(repository, reference)
  await send(connection, 201, { method: 'PUT', path, headers, body: manifest.bytes })
}

function locationOf(answer: Answer): string {
  return toPath(answer.header('location') ?? '')
}

/** Registries give an absolute address or a path. */
export function toPath(location: string): string {
  return location.replace(/^https?:\/\/[^/]+/, '')
}
