/** The operator's decisions about collection, from the settings' words to those of the registry. */
import type { Config } from '../config/config.ts'
import type { CollectionPolicy } from '../registry/registry.ts'

export function collectionPolicyOf(config: Config['collection']): CollectionPolicy {
  return {
    grace: config.graceMilliseconds,
    lease: config.leaseMilliseconds,
    condemnedFor: config.condemnedForMilliseconds,
    unlinkAfter: config.unlinkAfterMilliseconds,
  }
}
