/**
 * Media types: what content says it is. A registry takes every type that is well formed, known or not
 * (image-spec manifest.md: "MUST NOT error on encountering a value that is unknown").
 * Which types are manifests, and how they are read, is manifest-format.ts's.
 */
import { quoted } from '../lib/quoted.ts'
import { RegistryError } from './errors.ts'

/**
 * `type/subtype` without parameters (RFC 6838 §4.2), in the letters of whoever wrote it: clients compare an
 * artifact type letter by letter, so it is handed back as it came.
 */
export type MediaType = string & { readonly kind: 'media-type' }

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json' as MediaType
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json' as MediaType
/** Drafted for image-spec 1.1 and withdrawn; some tools of 2022 pushed it. */
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json' as MediaType
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json' as MediaType
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json' as MediaType
export const DOCKER_SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+json' as MediaType
export const DOCKER_SCHEMA_1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws' as MediaType
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json' as MediaType
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json' as MediaType
export const DOCKER_PLUGIN_CONFIG = 'application/vnd.docker.plugin.v1+json' as MediaType
/** What content is whose type nobody told (RFC 2046 §4.5.1). */
export const OCTET_STREAM = 'application/octet-stream' as MediaType

const RESTRICTED_NAME = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}'
const MEDIA_TYPE = new RegExp(`^${RESTRICTED_NAME}/${RESTRICTED_NAME}$`)

/** Takes a `Content-Type` header, a `mediaType` field or an `artifactType`; parameters are dropped. Throws MANIFEST_INVALID. */
export function parseMediaType(text: string): MediaType {
  const mediaType = findMediaType(text)
  if (mediaType !== null) return mediaType
  throw new RegistryError(
    'MANIFEST_INVALID',
    `${quoted(text)} is not a media type: write type/subtype, such as ${OCI_MANIFEST}.`,
  )
}

/** As `parseMediaType`, but null for what is none: for types that only describe, and may be wrong. */
export function findMediaType(text: string): MediaType | null {
  const essence = (text.split(';', 1)[0] ?? '').trim()
  return MEDIA_TYPE.test(essence) ? (essence as MediaType) : null
}

/** Media types are the same in either case (RFC 9110 §8.3.1). */
export function isSameMediaType(one: MediaType, other: MediaType): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
