/**
 * What the operator has decided about manifests beyond what the specification asks for, by the keys of registry:2:
 * which classes may be pushed, where foreign layers may lie, and which platforms of an index must be there.
 */
import type { Expression } from '../lib/linear-expression.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isManifestType } from '../oci/manifest-format.ts'
import { DOCKER_CONFIG, DOCKER_PLUGIN_CONFIG, type MediaType, OCI_CONFIG } from '../oci/media-type.ts'

export interface ManifestPolicy {
  /** An image manifest may refer to blobs that are not in its repository. */
  readonly allowMissingBlobs: boolean
  /** The platforms whose manifests must be there before an index that lists them. */
  readonly indexPlatforms: 'all' | 'none' | readonly Platform[]
  /** What the addresses of foreign layers must and must not match; null where any address is fine. */
  readonly foreignUrls: UrlRules | null
  /** The classes that may be pushed (`image`, `plugin`); null or none of them for anything. */
  readonly classes: readonly string[] | null
}

/** Null stands for no rule. */
export interface UrlRules {
  readonly allow: Expression | null
  readonly deny: Expression | null
}

/** Throws DENIED for a class that is not allowed, and MANIFEST_INVALID for a layer whose address is not. */
export function requireAllowed(policy: ManifestPolicy, manifest: Manifest): void {
  if (policy.classes !== null && policy.classes.length > 0) requireClass(policy.classes, manifest)
  if (policy.foreignUrls !== null)
    requireUrls(policy.foreignUrls, [...manifest.blobs, ...manifest.foreignBlobs])
}

/** The manifests that must be in the repository before this index. */
export function requiredChildren({ indexPlatforms }: ManifestPolicy, { children }: Manifest): Digest[] {
  if (indexPlatforms === 'none') return []
  return children
    .filter(({ mediaType }) => isManifestType(mediaType))
    .filter(
      ({ platform }) =>
        indexPlatforms === 'all' || (platform !== undefined && includes(indexPlatforms, platform)),
    )
    .map(({ digest }) => digest)
}

function includes(platforms: readonly Platform[], { os, architecture }: Platform): boolean {
  return platforms.some((each) => each.os === os && each.architecture === architecture)
}

const CLASSES: ReadonlyMap<MediaType, string> = new Map([
  [DOCKER_CONFIG, 'image'],
  [OCI_CONFIG, 'image'],
  [DOCKER_PLUGIN_CONFIG, 'plugin'],
])

/** An index has no class, and what it lists has been looked at when it was pushed. */
function requireClass(allowed: readonly string[], { configType, children }: Manifest): void {
  if (configType === null && children.length > 0) return
  const kind = configType === null ? undefined : CLASSES.get(configType)
  if (kind !== undefined && allowed.includes(kind)) return
  const what = kind === undefined ? `content with a config of the type ${configType ?? 'none'}` : `a ${kind}`
  throw new RegistryError(
    'DENIED',
    `This registry takes ${allowed.join(' and ')} manifests only (policy.repository.classes), and this is ${what}.`,
  )
}

function requireUrls(rules: UrlRules, layers: readonly Descriptor[]): void {
  for (const { digest, urls = [] } of layers) {
    const refused = urls.find((url) => !isAllowed(rules, url))
    if (refused === undefined) continue
    throw new RegistryError(
      'MANIFEST_INVALID',
      `The layer ${digest} lies at ${JSON.stringify(refused)}, which this registry does not allow (validation.manifests.urls). Push the layer itself, without urls.`,
      { digest, url: refused },
    )
  }
}

/** An address for a download: http or https, and without a fragment. */
function isAllowed({ allow, deny }: UrlRules, text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || text.includes('#')) return false
  return (allow?.test(text) ?? true) && !(deny?.test(text) ?? false)
}
