/** What the owner may ask of the history of tags. */
import { z } from 'zod'

const image = { repository: z.string().min(1).max(300), tag: z.string().min(1).max(200) }

/** `GET /api/v1/tags/history`: a page, the newest first; `after` is the `next` of the page before, as `id.position`. */
export const historyRequest = z.strictObject({
  ...image,
  after: z
    .string()
    .regex(/^\d{1,15}\.\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** `POST /api/v1/tags/restore`: to a position of the history, or to a digest that stands in it. */
export const restoreTagRequest = z.strictObject({
  ...image,
  to: z.union([z.number().int().min(0), z.string().max(200)]),
})
