/** When what nothing needs is deleted: the usual times, and which are too short to be safe. */
import type { CollectionConfig, Config } from './config.ts'
import type { Draft } from './draft.ts'
import type { Settings } from './schema.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Shorter ones, slow pushes do not survive: a layer that a client was told is there would go before its image comes. */
const SHORTEST = {
  grace: HOUR,
  lease: HOUR,
  condemnedFor: 10 * MINUTE,
  unlinkAfter: 10 * MINUTE,
  // Children of an index come before it, each without a tag.
  'untagged.deleteAfter': HOUR,
} as const

export function buildCollection({ berth }: Settings): CollectionConfig {
  const { enabled, grace, lease, condemnedFor, unlinkAfter } = berth?.collection ?? {}
  return {
    isEnabled: enabled ?? true,
    graceMilliseconds: grace ?? 24 * HOUR,
    leaseMilliseconds: lease ?? HOUR,
    condemnedForMilliseconds: condemnedFor ?? 10 * MINUTE,
    unlinkAfterMilliseconds: unlinkAfter ?? 10 * MINUTE,
    allowsShortTimes: berth?.unsafeShortGrace ?? false,
  }
}

/** One sentence for each. */
export function findCollectionContradictions(
  { collection, trash }: Pick<Config, 'collection' | 'trash'>,
  say: (name: string) => string | null,
): string[] {
  const times = {
    grace: collection.graceMilliseconds,
    lease: collection.leaseMilliseconds,
    condemnedFor: collection.condemnedForMilliseconds,
    unlinkAfter: collection.unlinkAfterMilliseconds,
    'untagged.deleteAfter': trash.deleteUntaggedAfterMilliseconds ?? Number.POSITIVE_INFINITY,
  }
  const names = Object.keys(SHORTEST) as (keyof typeof SHORTEST)[]
  const tooShort = names.filter((name) => !collection.allowsShortTimes && times[name] < SHORTEST[name])
  const problems = tooShort.map(
    (name) =>
      `${say(`berth.collection.${name}`)} is shorter than ${SHORTEST[name] / MINUTE} minutes: content of a push that is ` +
      'under way might be deleted. Make it longer, or, where nothing can be lost, set berth.unsafeShortGrace: true.',
  )
  if (times.grace >= times.lease) return problems
  const given = say('berth.collection.grace') ?? say('berth.collection.lease')
  return [...problems, `${given}: berth.collection.grace must be at least as long as berth.collection.lease.`]
}

/** False where the times are as safe as they should be. */
export function shortTimesDoubt(given: Draft): string | false {
  return given.get(['berth', 'unsafeShortGrace']) === undefined
    ? false
    : 'berth.unsafeShortGrace allows times in berth.collection at which content of slow pushes is deleted. Use it for tests only.'
}
