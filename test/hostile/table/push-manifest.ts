/** Manifests that would be right, and how rows push what they have made of them into SCRATCH. */
import { request } from '../requests.ts'
import { accepted, refused } from '../row.ts'
import { IMAGE, MANIFEST, SCRATCH } from '../stock.ts'

export const OCI = 'application/vnd.oci.image.manifest.v1+json'
export const INDEX = 'application/vnd.oci.image.index.v1+json'

/** A descriptor of a config that is there. */
export const config = {
  mediaType: 'application/vnd.oci.image.config.v1+json',
  digest: IMAGE.blobs[0]?.digest,
  size: IMAGE.blobs[0]?.bytes.length,
}
/** A descriptor of a manifest that is there. */
export const child = { mediaType: OCI, digest: MANIFEST.digest, size: MANIFEST.bytes.length }
export const base = { schemaVersion: 2, mediaType: OCI, config, layers: [] }
export const index = { schemaVersion: 2, mediaType: INDEX, manifests: [] }

/** Bytes and texts go as they are, anything else as JSON. */
export function push(
  body: unknown,
  type: string | null = OCI,
  headers: readonly string[] = [],
  reference = 'attempt',
): Uint8Array {
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const typed = type === null ? headers : [`Content-Type: ${type}`, ...headers]
  return request('PUT', `/v2/${SCRATCH}/manifests/${reference}`, { headers: typed, body: bytes })
}

export const invalid = (says: string) => refused(400, 'MANIFEST_INVALID', says)
export const TAKEN = accepted(201, {
  location: /^\/v2\/stock\/scratch\/manifests\/sha256:[0-9a-f]{64}$/,
  'docker-content-digest': /^sha256:[0-9a-f]{64}$/,
})
