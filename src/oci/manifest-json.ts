/**
 * Reads the JSON of manifests as the clients do, which are nearly all written in Go: null and absent are the
 * same, and so are an empty text and none; a field of the wrong type makes the whole manifest unreadable.
 * Go also takes `Layers` for `layers`. A name that only Go would take is refused, for such a manifest would
 * be one thing to this registry and another to whoever runs it (the class of CVE-2021-41190).
 * It knows the names of fields, not their meaning. Unknown names are left alone.
 */
import { quoted } from '../lib/quoted.ts'
import { InvalidJson, parseStrictJson } from '../lib/strict-json.ts'
import { RegistryError } from './errors.ts'

/** An object in a manifest. `path` says where, for messages: `layers[3]`, or nothing for the manifest itself. */
export interface JsonNode {
  readonly path: string
  readonly fields: Readonly<Record<string, unknown>>
}

const NAMES = [
  'annotations',
  'artifactType',
  'blobs',
  'config',
  'digest',
  'layers',
  'manifests',
  'mediaType',
  'schemaVersion',
  'size',
  'subject',
  'urls',
] as const

export type FieldName = (typeof NAMES)[number]

const EXACT_NAMES: ReadonlySet<string> = new Set(NAMES)
const FOLDED_NAMES: ReadonlyMap<string, FieldName> = new Map(NAMES.map((name) => [fold(name), name]))

/** The manifest as a whole. Throws MANIFEST_INVALID. */
export function parseManifestJson(bytes: Uint8Array): JsonNode {
  try {
    return toNode(parseStrictJson(bytes), '')
  } catch (error) {
    if (error instanceof InvalidJson) throw invalidManifest(error.message)
    throw error
  }
}

/** An object in a field, or null. Throws MANIFEST_INVALID, as all of these do. */
export function findNode(node: JsonNode, name: FieldName): JsonNode | null {
  const value = node.fields[name] ?? null
  return value === null ? null : toNode(value, pathTo(node, name))
}

/** The objects in a field's list, in order. */
export function listNodes(node: JsonNode, name: FieldName): JsonNode[] {
  return listOf(node, name).map((value, index) => toNode(value, `${pathTo(node, name)}[${index}]`))
}

/** A text, or null where there is none or an empty one. */
export function findText(node: JsonNode, name: FieldName): string | null {
  const value = node.fields[name] ?? ''
  if (typeof value !== 'string') throw invalidManifest(`${pathTo(node, name)} must be a text.`)
  return value === '' ? null : value
}

/** The texts in a field's list, in order. */
export function listTexts(node: JsonNode, name: FieldName): string[] {
  return listOf(node, name).map((value, index) => {
    if (typeof value === 'string') return value
    throw invalidManifest(`${pathTo(node, name)}[${index}] must be a text.`)
  })
}

/** A number of bytes: nothing that a file could not have. */
export function getSize(node: JsonNode): number {
  const value = node.fields['size']
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return Math.abs(value)
  throw invalidManifest(`${pathTo(node, 'size')} must be the number of bytes of the content.`)
}

/** Annotations, or null (image-spec annotations.md "Rules": keys and values are texts). */
export function findAnnotations(node: JsonNode): Readonly<Record<string, string>> | null {
  const value = node.fields['annotations'] ?? null
  if (value === null) return null
  const path = pathTo(node, 'annotations')
  return Object.fromEntries(
    Object.entries(toObject(value, path)).map(([key, text]) => {
      if (typeof text === 'string' || text === null) return [key, text ?? '']
      throw invalidManifest(`${path}[${quoted(key)}] must be a text.`)
    }),
  )
}

/** Where a field of this object stands, for messages. */
export function pathTo(node: JsonNode, name: FieldName): string {
  return node.path === '' ? name : `${node.path}.${name}`
}

export function invalidManifest(message: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', message)
}

function toNode(value: unknown, path: string): JsonNode {
  const fields = toObject(value, path)
  for (const name of Object.keys(fields)) {
    if (EXACT_NAMES.has(name)) continue
    const meant = FOLDED_NAMES.get(fold(name))
    if (meant !== undefined) {
      throw invalidManifest(
        `Write ${quoted(meant)} instead of ${quoted(name)}: some clients take the two for the same.`,
      )
    }
  }
  return { path, fields }
}

function toObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value
  throw invalidManifest(`${path === '' ? 'A manifest' : path} must be a JSON object.`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(node: JsonNode, name: FieldName): readonly unknown[] {
  const value = node.fields[name] ?? []
  if (Array.isArray(value)) return value
  throw invalidManifest(`${pathTo(node, name)} must be a list.`)
}

/** Upper case first: it is what makes `ſ` an s and the Kelvin sign a k, which Go takes for them too. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase()
}
