/** Whether this process can serve: asked by load balancers, often, so it is cheap. */
import { digestOf } from '../oci/digest.ts'
import { findIdentity } from './identity.ts'
import type { Registry } from './registry.ts'

export interface Readiness {
  readonly isReady: boolean
  /** What is wrong, in a sentence each; empty when ready. */
  readonly problems: readonly string[]
}

const EMPTY_BLOB = digestOf(new Uint8Array())

/** Asks the database and the storage one small question each. */
export async function checkReadiness(registry: Registry): Promise<Readiness> {
  const checks = [
    findIdentity(registry.database),
    // Whether it is there or not: that the storage can say so is the answer.
    registry.blobs.stat(EMPTY_BLOB),
  ]
  const results = await Promise.allSettled(checks)
  const problems = results.flatMap((result) =>
    result.status === 'rejected' ? [sentenceOf(result.reason)] : [],
  )
  return { isReady: problems.length === 0, problems }
}

function sentenceOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
