/** What may be shown of settings: to people, in the log, in an error. What may be secret is masked, and so is everything that Berth does not look into. */
import type { Place } from './draft.ts'
import { factsOf, kindOf, type Schema } from './setting.ts'

export const MASK = '********'

/** The value with everything masked that may be secret; MASK where that is all of it. */
export function masked(schema: Schema | null, value: unknown): unknown {
  const kind = schema === null ? null : kindOf(schema)
  if (schema === null || kind === null || kind.kind === 'unread' || isSecret(schema)) return MASK
  if (Array.isArray(value)) return value.map((item) => masked(kind.kind === 'list' ? kind.item : null, item))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, masked(childOf(schema, key), child)]),
    )
  }
  // A section, a list or a map is no text: somebody may have written there what belongs below it.
  if (holdsSecrets(schema)) return MASK
  return typeof value === 'string' ? maskedUrl(value) : value
}

/** Also of a text that is nearly a URL: who may come in there stands before the last @, and perhaps behind the ?. */
function maskedUrl(text: string): string {
  const stranger = text.replace(/:\/\/[^/?#\s]+@/g, `://${MASK}@`)
  return URL.canParse(text) ? stranger.replace(/([?&][^=&#]*=)[^&#]+/g, `$1${MASK}`) : stranger
}

/** The schema of what stands at a place below a schema; null where there is none, or something above it is secret. */
export function schemaAt(schema: Schema, [key, ...rest]: Place): Schema | null {
  if (key === undefined || isSecret(schema)) return isSecret(schema) ? null : schema
  const child = childOf(schema, key)
  return child === null ? null : schemaAt(child, rest)
}

function isSecret(schema: Schema): boolean {
  return factsOf(schema)?.isSecret === true
}

function childOf(schema: Schema, key: string): Schema | null {
  const kind = kindOf(schema)
  switch (kind.kind) {
    case 'section':
      return Object.hasOwn(kind.shape, key) ? (kind.shape[key] ?? null) : null
    case 'map':
      return kind.value
    case 'list':
      return kind.item
    default:
      return null
  }
}

function holdsSecrets(schema: Schema): boolean {
  if (isSecret(schema)) return true
  const kind = kindOf(schema)
  switch (kind.kind) {
    case 'section':
      return Object.values(kind.shape).some(holdsSecrets)
    case 'map':
      return holdsSecrets(kind.value)
    case 'list':
      return holdsSecrets(kind.item)
    default:
      return false
  }
}
