/** The operator's decisions about manifests, from the settings' words to those of the registry. */
import type { Config } from '../config/config.ts'
import { type ManifestPolicy, parseUrlRules } from '../registry/manifest-policy.ts'

export function manifestPolicyOf({
  allowMissing,
  foreignUrls,
  ...others
}: Config['manifests']): ManifestPolicy {
  return {
    ...others,
    allowMissingBlobs: allowMissing,
    foreignUrls: foreignUrls === null ? null : parseUrlRules(foreignUrls),
  }
}
