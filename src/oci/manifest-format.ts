/**
 * The formats of manifests, and which one some bytes are in. The bytes alone decide, and a Content-Type can
 * only agree: the link tree keeps no Content-Type, so what is read back from it must come out the same; and a
 * manifest that could be taken for two formats is two images under one digest (CVE-2021-41190).
 */
import { quoted } from '../lib/quoted.ts'
import { type FieldName, findText, invalidManifest, type JsonNode } from './manifest-json.ts'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA_1,
  DOCKER_SCHEMA_1_SIGNED,
  isSameMediaType,
  type MediaType,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from './media-type.ts'

export type ManifestFormat = 'image' | 'index' | 'artifact'

export interface FormattedManifest {
  readonly mediaType: MediaType
  readonly format: ManifestFormat
}

const FORMATS: readonly FormattedManifest[] = [
  { mediaType: OCI_MANIFEST, format: 'image' },
  { mediaType: DOCKER_MANIFEST, format: 'image' },
  { mediaType: OCI_INDEX, format: 'index' },
  { mediaType: DOCKER_LIST, format: 'index' },
  { mediaType: OCI_ARTIFACT_MANIFEST, format: 'artifact' },
]

/** What other formats are told by. */
const FIELDS_OF_OTHERS: Readonly<Record<ManifestFormat, readonly FieldName[]>> = {
  image: ['manifests'],
  index: ['config', 'layers'],
  artifact: ['config', 'layers', 'manifests'],
}

/** Throws MANIFEST_INVALID, for schema 1 too: it is the code at which podman and skopeo try another format. */
export function formatOf(manifest: JsonNode, contentType: MediaType | null): FormattedManifest {
  refuseSchema1(manifest, contentType)
  const declared = findText(manifest, 'mediaType') ?? mediaTypeByShape(manifest)
  const formatted = FORMATS.find((known) => known.mediaType === declared)
  if (formatted === undefined) {
    throw invalidManifest(
      `The mediaType of the manifest, ${quoted(declared)}, is none that this registry can read.`,
    )
  }
  requireSameType(manifest, formatted.mediaType, contentType)
  requireOneFormat(manifest, formatted.format)
  if (formatted.format !== 'artifact') requireSchema2(manifest)
  return formatted
}

/** A manifest without `mediaType` is an OCI one, for Docker's formats require it (image-spec manifest.md, image-index.md). */
function mediaTypeByShape({ fields }: JsonNode): MediaType {
  if (Array.isArray(fields['manifests'])) return OCI_INDEX
  if (fields['config'] || fields['layers']) return OCI_MANIFEST
  throw invalidManifest(
    'The manifest has no mediaType, and neither config and layers nor manifests to tell its kind by.',
  )
}

function requireSameType(manifest: JsonNode, mediaType: MediaType, contentType: MediaType | null): void {
  if (contentType === null || isSameMediaType(contentType, mediaType)) return
  throw invalidManifest(
    findText(manifest, 'mediaType') === null
      ? `The Content-Type is ${contentType}, but a manifest without a mediaType field is ${mediaType}: add the field, or send that Content-Type.`
      : `The Content-Type is ${contentType}, but the manifest says that it is ${mediaType}: send that Content-Type.`,
  )
}

/** Null counts too: the CNCF registry refuses it, and could not serve such a manifest. */
function requireOneFormat(manifest: JsonNode, format: ManifestFormat): void {
  const other = FIELDS_OF_OTHERS[format].find((name) => Object.hasOwn(manifest.fields, name))
  if (other === undefined) return
  throw invalidManifest(
    `The manifest is an ${format} and has ${other}: it must be one kind of manifest only.`,
  )
}

function requireSchema2({ fields }: JsonNode): void {
  if (fields['schemaVersion'] === 2) return
  throw invalidManifest('schemaVersion must be the number 2.')
}

function refuseSchema1(manifest: JsonNode, contentType: MediaType | null): void {
  const told = [contentType?.toLowerCase(), findText(manifest, 'mediaType')]
  const isSchema1 = [DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED].some((type) => told.includes(type))
  if (!isSchema1 && manifest.fields['schemaVersion'] !== 1) return
  throw invalidManifest(
    'This is a Docker manifest of schema version 1, a retired format that this registry does not store. ' +
      'Push the image with a current client, or convert it: skopeo copy --format v2s2.',
  )
}

/** Whether content of this type is a manifest, and not a blob: older build caches list layers in an index. */
export function isManifestType(mediaType: MediaType): boolean {
  return FORMATS.some((known) => isSameMediaType(known.mediaType, mediaType))
}
