/** What the owner may ask of the trash. */
import { z } from 'zod'

const name = z.string().min(1).max(300)
const id = z.coerce.number().int().positive()

/** `GET /api/v1/trash`: a page of deletions, the newest first; those before the deletion `before`. */
export const trashRequest = z.strictObject({
  repository: name.optional(),
  before: id.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** `POST /api/v1/trash/:id/restore` */
export const trashId = id

/** `POST /api/v1/trash/empty`: one deletion, or several; then `before` is the `next` of an answer that did not do all. */
export const emptyRequest = z.union([
  z.strictObject({ id }),
  z.strictObject({ repository: name, before: id.optional() }),
  z.strictObject({ all: z.literal(true), before: id.optional() }),
])
