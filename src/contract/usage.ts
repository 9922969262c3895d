/**
 * `GET /api/v1/usage`: what everything takes up; of one repository with `repository=`, and of one image of it with
 * `tag=` or `digest=`.
 */
import { z } from 'zod'

export const usageRequest = z
  .strictObject({
    repository: z.string().max(300).optional(),
    tag: z.string().max(200).optional(),
    digest: z.string().max(200).optional(),
  })
  .refine(({ tag, digest }) => tag === undefined || digest === undefined, 'either a tag or a digest')
  .refine(
    ({ repository, tag, digest }) => repository !== undefined || (tag ?? digest) === undefined,
    'a tag or a digest is one of a repository',
  )

/** `GET /api/v1/usage/repositories`: the largest first; `after` is `bytes,repository` as `next` of the page before has them. */
export const largestRepositoriesRequest = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(20),
  after: z
    .string()
    .regex(/^\d{1,15},\d{1,15}$/, 'bytes,repository')
    .transform((text) => text.split(',').map(Number))
    .transform(([bytes = 0, repository = 0]) => ({ bytes, repository }))
    .optional(),
})
