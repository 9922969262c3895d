/** The operator's decisions about manifests, from the settings' words to those of the registry. */
import type { Config } from '../config/config.ts'
import type { ManifestPolicy, UrlRules } from '../registry/manifest-policy.ts'

type ManifestsConfig = Config['manifests']

export async function manifestPolicyOf({
  allowMissing,
  foreignUrls,
  ...others
}: ManifestsConfig): Promise<ManifestPolicy> {
  return {
    ...others,
    allowMissingBlobs: allowMissing,
    foreignUrls: foreignUrls === null ? null : await rulesOf(foreignUrls),
  }
}

async function rulesOf(lists: NonNullable<ManifestsConfig['foreignUrls']>): Promise<UrlRules> {
  const { parseUrlRules } = await import('../registry/url-rules.ts')
  return parseUrlRules(lists)
}
