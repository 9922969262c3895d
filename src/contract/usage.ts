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
