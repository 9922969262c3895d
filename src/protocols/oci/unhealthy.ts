/** What every request is told while one of the operator's health checks fails, as registry:2 tells it. */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { RegistryError } from '../../oci/errors.ts'
import { errorReply } from './errors.ts'

export function unhealthyReply({ notes }: IncomingRequest): Reply {
  const error = new RegistryError(
    'UNAVAILABLE',
    'service unavailable',
    'health check failed: please see /debug/health',
  )
  notes.refusal = error.problems[0]
  return errorReply(error, { 'docker-distribution-api-version': 'registry/2.0', 'retry-after': '5' })
}
