/**
 * What collection does with a blob next, by what is known of it: a pure decision, in one place. On any doubt the blob
 * stays. Whoever carries it out does so only if the blob's epoch is still the one that was read before all else.
 */
import type { BlobStanding } from '../../metadata/leaving-blobs.ts'

/** How long things take. Milliseconds. */
export interface CollectionTimes {
  /** From when nothing refers to a blob until it is condemned. */
  readonly grace: number
  /** From when it is condemned until it is deleted. */
  readonly condemnedFor: number
}

export interface KnownOfBlob {
  readonly blob: Pick<BlobStanding, 'state' | 'leaseUntil' | 'unreferencedSince'>
  /** Whether a manifest, in the trash or not, refers to it. */
  readonly isReferred: boolean
  /** When it was to be looked at: a lease after it had lost what was known to refer to it. */
  readonly dueAt: number
  /** Milliseconds since 1970, by the database's clock. */
  readonly now: number
}

export type NextStep =
  /** It stays; only repositories that do not use it lose their links. */
  | { readonly kind: 'keep' }
  /** It was on its way out, or counted as unreferenced, and a manifest refers to it. */
  | { readonly kind: 'revive' }
  /** Nothing refers to it any more, from now on. */
  | { readonly kind: 'begin grace' }
  /** To be looked at again then, in milliseconds since 1970. */
  | { readonly kind: 'wait'; readonly until: number }
  | { readonly kind: 'condemn' }
  /** Its links go, and when there are none it is being deleted. */
  | { readonly kind: 'unlink' }
  /** Its bytes can go. */
  | { readonly kind: 'delete' }

export function nextStepOf(
  { blob, isReferred, dueAt, now }: KnownOfBlob,
  { grace }: CollectionTimes,
): NextStep {
  if (blob.state === 'deleting') return { kind: 'delete' }
  if (isReferred) {
    // Made anew while a manifest referred to it already: its grace must not count from then once that goes.
    return { kind: blob.state === 'live' && blob.unreferencedSince === null ? 'keep' : 'revive' }
  }
  if (blob.state === 'condemned') {
    return blob.leaseUntil >= now ? { kind: 'wait', until: blob.leaseUntil + 1 } : { kind: 'unlink' }
  }
  // Until just now a client could be told that it is there, without a promise, because something referred to it.
  if (blob.unreferencedSince === null && dueAt > now) return { kind: 'wait', until: dueAt }
  const since = blob.unreferencedSince ?? now
  const until = Math.max(since + grace, blob.leaseUntil + 1)
  if (until <= now) return { kind: 'condemn' }
  return blob.unreferencedSince === null ? { kind: 'begin grace' } : { kind: 'wait', until }
}
