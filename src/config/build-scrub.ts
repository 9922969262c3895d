/** How stored blobs are hashed again: seldom and slowly, where nothing is said. */
import type { ScrubConfig } from './config.ts'
import type { Settings } from './schema.ts'

const DAY = 86_400_000
const MIB = 1024 * 1024

export function buildScrub({ berth }: Settings): ScrubConfig | null {
  const { every = 30 * DAY, rate = 4 * MIB } = berth?.scrub ?? {}
  return every === 0 ? null : { everyMilliseconds: every, bytesPerSecond: rate }
}
