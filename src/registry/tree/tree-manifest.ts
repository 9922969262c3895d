/**
 * A manifest's bytes as they lie in the tree of another registry, read as a push would read them. That registry
 * took some that this one would refuse (schema version 1, fields of odd types): they are served all the same,
 * and what they name is found in a simpler way, so that nothing of them is ever collected.
 */
import type { FoundManifest } from '../../metadata/manifests.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type Manifest, parseManifest } from '../../oci/manifest.ts'
import { isManifestType } from '../../oci/manifest-format.ts'
import {
  DOCKER_SCHEMA_1,
  findMediaType,
  type MediaType,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../oci/media-type.ts'

/** What a manifest says, beside its digest and its age. */
export interface ReadManifest extends Omit<FoundManifest, 'digest' | 'foundSince'> {
  /** Those of its blobs without which it is of no use. */
  readonly needs: readonly Digest[]
}

/** Null for what is no manifest at all. */
export function readManifest(bytes: Uint8Array): ReadManifest | null {
  try {
    return asPushed(parseManifest(bytes, null), bytes)
  } catch (error) {
    if (error instanceof RegistryError) return readLoosely(bytes)
    throw error
  }
}

/** The blobs that the manifest uses, foreign ones included: older build caches list layers in an index. */
export function blobsUsedBy(manifest: Manifest): Descriptor[] {
  const layers = manifest.children.filter((child) => !isManifestType(child.mediaType))
  return [...manifest.blobs, ...manifest.foreignBlobs, ...layers]
}

/** The digests of what a manifest has as blobs, and of its children. */
export function referencesOf(manifest: Manifest): Pick<ReadManifest, 'blobs' | 'children'> {
  return {
    blobs: blobsUsedBy(manifest).map(({ digest }) => digest),
    children: manifest.children.map(({ digest }) => digest),
  }
}

function asPushed(manifest: Manifest, bytes: Uint8Array): ReadManifest {
  const { mediaType, artifactType, subject, annotations } = manifest
  return {
    bytes,
    size: bytes.length,
    mediaType,
    artifactType,
    subject,
    annotations: subject === null || annotations === null ? null : JSON.stringify(annotations),
    ...referencesOf(manifest),
    needs: manifest.blobs.map(({ digest }) => digest),
  }
}

function readLoosely(bytes: Uint8Array): ReadManifest | null {
  const fields = parseObject(bytes)
  const mediaType = fields === null ? null : mediaTypeOf(fields)
  if (fields === null || mediaType === null) return null
  const lists = [fields['config'], fields['layers'], fields['blobs'], fields['fsLayers']]
  const blobs = [...new Set(lists.flatMap(digestsIn))]
  return {
    bytes,
    size: bytes.length,
    mediaType,
    artifactType: null,
    subject: null,
    annotations: null,
    children: [...new Set(digestsIn(fields['manifests']))],
    blobs,
    needs: blobs,
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** Of schema version 1 the tree keeps the bytes without their signatures. */
function mediaTypeOf(fields: Record<string, unknown>): MediaType | null {
  if (fields['schemaVersion'] === 1) return DOCKER_SCHEMA_1
  const declared = fields['mediaType']
  if (typeof declared === 'string' && declared !== '') return findMediaType(declared)
  if (Array.isArray(fields['manifests'])) return OCI_INDEX
  return Array.isArray(fields['layers']) ? OCI_MANIFEST : null
}

/** The digests of one descriptor or of a list of them; schema version 1 calls them `blobSum`. */
function digestsIn(value: unknown): Digest[] {
  const descriptors: unknown[] = Array.isArray(value) ? value : [value]
  return descriptors.filter(isObject).flatMap((each) => {
    const digest = each['digest'] ?? each['blobSum']
    return typeof digest === 'string' && isDigest(digest) ? [digest] : []
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
