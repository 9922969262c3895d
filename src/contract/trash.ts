/** What the owner may ask of the trash, of the history of tags, and of whole repositories. */
import { z } from 'zod'

const name = z.string().min(1).max(300)
const tag = z.string().min(1).max(200)
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

/** `GET /api/v1/tags/history`: a page, the newest first; `after` is the `next` of the page before, as `id.position`. */
export const historyRequest = z.strictObject({
  repository: name,
  tag,
  after: z
    .string()
    .regex(/^\d{1,15}\.\d{1,15}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

/** `POST /api/v1/tags/restore`: to a position of the history, or to a digest that stands in it. */
export const restoreTagRequest = z.strictObject({
  repository: name,
  tag,
  to: z.union([z.number().int().min(0), z.string().max(200)]),
})

/** `POST /api/v1/repositories/delete` */
export const deleteRepositoryRequest = z.strictObject({ repository: name })
