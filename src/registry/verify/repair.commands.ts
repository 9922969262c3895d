/** The writes of verification. */
import { type DamageKind, forgetDamage, noteDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { findPayload } from '../../metadata/manifests.ts'
import { deletePayload, holdPayload, insertPayload } from '../../metadata/payloads.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { scheduleReview } from '../../metadata/reviews.ts'
import { putSetting } from '../../metadata/settings.ts'
import { forgetTornLink } from '../../metadata/torn-files.ts'
import { noteBlobUsage, noteUsageEverywhere } from '../../metadata/usage-changes.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { type LostLink, showLostLinks } from '../tree/lost-links.ts'
import { markPayloadAdded } from '../tree/marks.ts'

/** Says that a blob's bytes are not what they should be, before they are taken out of their place. */
export const noteDamageCommand = command(
  'verify.note-damage',
  (tx, input: { readonly digest: Digest; readonly size: number; readonly why: DamageKind }) =>
    noteDamage(tx, input),
)

/** True where damage was noted. */
export const forgetDamageCommand = command('verify.forget-damage', (tx, input: { readonly digest: Digest }) =>
  forgetDamage(tx, input.digest),
)

/** Has a manifest's file written again from the database, whatever it holds now. */
export const showPayloadCommand = command(
  'verify.show-payload',
  (tx, { digest }: { readonly digest: Digest }) => markPayloadAdded(tx, digest),
)

/** Takes a manifest's bytes, which were found in the tree, in the place of damaged ones. */
export const mendPayloadCommand = command(
  'verify.mend-payload',
  async (tx, { digest, bytes }: { readonly digest: Digest; readonly bytes: Uint8Array }): Promise<void> => {
    if (await insertPayload(tx, digest, bytes)) await noteBlobUsage(tx, [{ repository: 0, digest }])
  },
)

/** Forgets bytes of a manifest that do not have its digest, so that it counts as missing and is pushed again. True where it did. */
export const dropPayloadCommand = command(
  'verify.drop-payload',
  async (tx, { digest }: { readonly digest: Digest }): Promise<boolean> => {
    // Held before they are looked at: a push that mends them comes before the look, or after the end.
    const epoch = await holdPayload(tx, digest)
    const known = epoch === null ? null : await findPayload(tx, digest)
    if (epoch === null || known === null || isOf(known, digest)) return false
    await noteBlobUsage(tx, [{ repository: 0, digest }])
    return await deletePayload(tx, digest, epoch)
  },
)

/** Has links written again that the database knows. */
export const showLinksCommand = command(
  'verify.show-links',
  async (
    tx,
    { repository, links }: { readonly repository: RepositoryId; readonly links: readonly LostLink[] },
  ): Promise<void> => {
    for (const { kind, key } of links) {
      if (kind !== 'tag') await forgetTornLink(tx, repository, { what: kind, key })
    }
    await showLostLinks(tx, repository, links)
  },
)

/** Has collection look at bytes that nobody knows. */
export const reviewStrayCommand = command(
  'verify.review-stray',
  (tx, { digest }: { readonly digest: Digest }) =>
    scheduleReview(tx, { repository: 0, digest, reason: 'found by verify', dueAt: tx.now }),
)

/** Has what a digest takes up counted again, wherever it is. */
export const countAgainCommand = command(
  'verify.count-again',
  async (tx, { digest }: { readonly digest: Digest }): Promise<void> => {
    await noteUsageEverywhere(tx, digest)
    await noteBlobUsage(tx, [{ repository: 0, digest }])
  },
)

/** Where scrubbing is, as JSON. Losing it means that some blobs are hashed once more. */
export const SCRUB_SETTING = 'verify.scrub'

export const putScrubStateCommand = command(
  'verify.put-scrub-state',
  (tx, { state }: { readonly state: string }) => putSetting(tx, SCRUB_SETTING, state),
  { durable: false },
)

function isOf(bytes: Uint8Array, digest: Digest): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest
}
