/** The server's own backups of the metadata. Those of a whole registry are files elsewhere, which their commands look at. */
import { route } from '../../http/router.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import type { ManagementContext, ManagementRoute } from './route.ts'

export const backupRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/backups', { needs: 'owner', handle: getBackups }),
]

async function getBackups({ backups }: ManagementContext): Promise<OwnerAnswer> {
  return ownerAnswer(200, await backups())
}
