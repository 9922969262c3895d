/** Whether a blob's bytes are what they should be. It only looks; what is found of a blob that changed meanwhile is not told. */
import { findStoredBlob, type StoredBlob } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { StoredBytes } from '../../storage/blob-store.ts'
import type { HashingLimits } from './hashing.ts'
import type { VerifyPlace } from './look.ts'

export type Judgement =
  | { readonly kind: 'whole'; readonly isHashed: boolean }
  /** It was pushed again or collected while it was looked at. */
  | { readonly kind: 'changed' }
  | BlobDamage
  /** The bytes are right, and the database has another size. */
  | { readonly kind: 'row'; readonly size: number }

export type BlobDamage =
  | { readonly kind: 'missing' }
  | { readonly kind: 'size' | 'hash'; readonly digest: Digest; readonly bytes: StoredBytes }

export interface JudgeOptions {
  readonly run: string
  readonly deep: boolean
  readonly limits: HashingLimits
}

/** Null where there is more to hash. Throws StorageUnavailable where it cannot be told. */
export async function judgeBlob(
  { registry, hashing }: VerifyPlace,
  blob: StoredBlob,
  { run, deep, limits }: JudgeOptions,
): Promise<Judgement | null> {
  const size = await registry.blobs.stat(blob.digest)
  if (size === blob.size && !deep) return { kind: 'whole', isHashed: false }
  const hashed = size === null ? ({ kind: 'nothing' } as const) : await hashing.goOn(run, blob.digest, limits)
  if (hashed === null) return null
  const isAsBefore = await hasStayed(registry, blob)
  if (hashed.kind === 'nothing') {
    const isGone = isAsBefore && (await registry.blobs.stat(blob.digest)) === null
    return { kind: isGone ? 'missing' : 'changed' }
  }
  const { digest, bytes } = hashed
  const isRight = digest === blob.digest
  if (isRight && bytes.size === blob.size) return { kind: 'whole', isHashed: true }
  if (!isAsBefore) return { kind: 'changed' }
  if (isRight) return { kind: 'row', size: bytes.size }
  return { kind: bytes.size === blob.size ? 'hash' : 'size', digest, bytes }
}

/** Nobody has pushed, referred to or begun to delete it. */
async function hasStayed(
  { database }: VerifyPlace['registry'],
  { digest, epoch, state }: StoredBlob,
): Promise<boolean> {
  const now = await findStoredBlob(database, digest)
  return now !== null && now.epoch === epoch && now.state === state
}
