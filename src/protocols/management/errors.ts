/** What a refusal looks like to the owner: a status and a sentence. The owner may know what keeps the server from it. */
import { BadRequest, BodyTooLarge } from '../../http/request.ts'
import type { Log } from '../../observability/log.ts'
import { type ErrorCode, RegistryError } from '../../oci/errors.ts'
import { CollectionHeld } from '../../registry/gc/collect.ts'
import { GarbageUnknown } from '../../registry/gc/garbage.ts'
import { isTemporary } from '../../registry/temporary.ts'
import { TrashBusy, TrashUnknown } from '../../registry/trash-errors.ts'
import { type OwnerAnswer, ownerRefusal } from './exchange.ts'

/** What was asked for cannot be done in the state that the server is in. The message says why. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

/** Other codes are faults of the question: 400. */
const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  BLOB_UNKNOWN: 404,
  MANIFEST_UNKNOWN: 404,
  NAME_UNKNOWN: 404,
  NOT_FOUND: 404,
  DENIED: 403,
  UNSUPPORTED: 409,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
}

/** What was asked for has to wait, for a reason that the owner can mend. */
function isHeldUp(error: unknown): error is Error {
  return [NotNow, GarbageUnknown, CollectionHeld, TrashBusy].some((each) => error instanceof each)
}

/** The answer to what was thrown. What is neither the owner's doing nor may pass is logged. */
export function managementFailure(error: unknown, log: Log): OwnerAnswer {
  if (isHeldUp(error)) return ownerRefusal(409, error.message)
  if (error instanceof TrashUnknown) return ownerRefusal(404, error.message)
  if (error instanceof BodyTooLarge) return ownerRefusal(413, error.message)
  if (error instanceof BadRequest) return ownerRefusal(400, error.message)
  if (error instanceof RegistryError) return ownerRefusal(STATUSES[error.code] ?? 400, error.message)
  if (isTemporary(error)) return ownerRefusal(503, error.message)
  log.error({ error }, 'a question of the owner could not be answered')
  return ownerRefusal(500, 'This could not be done; the log of this registry says why.')
}
