/** What every request is told while one of the operator's health checks fails: registry:2's answer, in a sentence. */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { RegistryError } from '../../oci/errors.ts'
import { errorReply } from './errors.ts'

export function unhealthyReply({ notes }: IncomingRequest): Reply {
  const error = new RegistryError(
    'UNAVAILABLE',
    'This registry is out of service: one of its health checks fails. Its operator sees which at /debug/health.',
    'health check failed: please see /debug/health',
  )
  notes.refusal = error.problems[0]
  return errorReply(error)
}
