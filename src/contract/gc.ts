/**
 * `POST /api/v1/gc/run`: collects now, a part at a time. Whoever asks begins without a cursor, and sends back what each
 * answer has under `next`, until that is null.
 */
import { z } from 'zod'

const cursor = z.strictObject({
  after: z.string().max(200),
  isBusy: z.boolean(),
  isWaiting: z.boolean(),
  waited: z.number().int().nonnegative(),
})

export const collectionRunRequest = z.strictObject({
  cursor: cursor.nullable().default(null),
})
