/**
 * Berth's own API, for its owner: questions and answers as plain data (exchange.ts), whichever way they come: by the
 * control socket, from the process that has it, or from a command that has opened the registry itself.
 */
import { createRouter } from '../../http/router.ts'
import { backupRoutes } from './backups.ts'
import { blobRoutes } from './blobs.ts'
import { managementFailure } from './errors.ts'
import { ANSWER_WITHIN, notAllowed, type OwnerAnswer, type OwnerRequest, ownerRefusal } from './exchange.ts'
import { gcRoutes } from './gc.ts'
import { repositoryRoutes } from './repositories.ts'
import type { ManagementContext, ManagementOptions, ManagementRoute, Need } from './route.ts'
import { tagRoutes } from './tags.ts'
import { trashRoutes } from './trash.ts'
import { usageRoutes } from './usage.ts'
import { verifyRoutes } from './verify.ts'

export const MANAGEMENT_ROUTES: readonly ManagementRoute[] = [
  ...backupRoutes,
  ...blobRoutes,
  ...gcRoutes,
  ...repositoryRoutes,
  ...tagRoutes,
  ...trashRoutes,
  ...usageRoutes,
  ...verifyRoutes,
]

export type ManagementApi = (request: OwnerRequest) => Promise<OwnerAnswer>

/** Never rejects. */
export function managementApi(options: ManagementOptions): ManagementApi {
  const router = createRouter<ManagementContext, Need, OwnerAnswer>(MANAGEMENT_ROUTES)
  return async ({ method, path, query, body }) => {
    const match = router.find(method, path)
    if (match.kind === 'not-found') return ownerRefusal(404, `There is nothing at ${path}.`)
    if (match.kind === 'method-not-allowed') return notAllowed(match.allow.join(', '))
    const signal = AbortSignal.timeout(ANSWER_WITHIN)
    const context = { ...options, query: new URLSearchParams(query), body, signal }
    try {
      return await match.route.handle(context, match.params)
    } catch (error) {
      return managementFailure(error, options.log)
    }
  }
}
