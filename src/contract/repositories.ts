/** What the owner may ask of whole repositories. */
import { z } from 'zod'

/** `POST /api/v1/repositories/delete` */
export const deleteRepositoryRequest = z.strictObject({ repository: z.string().min(1).max(300) })
