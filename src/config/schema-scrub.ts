/** The settings of scrubbing, `berth.scrub`: stored blobs are hashed again now and then. */
import { parseByteAmount } from '../lib/byte-amount.ts'
import { parseDuration } from './duration.ts'
import { section, setting } from './setting.ts'
import { written } from './values.ts'

/** Less would not get through a layer. */
const SLOWEST = 100 * 1024

export const scrubSection = section({
  every: setting(
    written('write a time such as 30d or 12h, or 0 for never', ['string', 'integer'], (value) =>
      value === '0' ? 0 : parseDuration(value),
    ),
    { about: 'how often every stored blob is hashed again; 0 for never', byDefault: '30d' },
  ),
  rate: setting(
    written(
      'write an amount of bytes a second such as 4MB, at least 100K',
      ['string', 'integer'],
      (value) => {
        const bytes = parseByteAmount(value)
        return bytes === null || bytes < SLOWEST ? null : bytes
      },
    ),
    { about: 'how much of them is hashed in a second', byDefault: '4MB' },
  ),
})
