/**
 * What happened, written in the transaction that made it happen: audit, webhooks and live pages read it later.
 * It decides nothing and sends nothing.
 */
import type { Transaction } from '../metadata/database.ts'
import { insertEvent } from '../metadata/events.ts'
import type { RepositoryId } from '../metadata/repositories.ts'
import type { Digest } from '../oci/digest.ts'
import type { MediaType } from '../oci/media-type.ts'
import type { Tag } from '../oci/tag.ts'

export type RegistryEvent =
  | {
      readonly kind: 'manifest.pushed'
      readonly digest: Digest
      readonly mediaType: MediaType
      readonly size: number
      /** The tags that now name it and did not before. */
      readonly tags: readonly Tag[]
    }
  | { readonly kind: 'manifest.deleted'; readonly digest: Digest; readonly tags: readonly Tag[] }
  | { readonly kind: 'tag.deleted'; readonly tag: Tag; readonly digest: Digest }
  | { readonly kind: 'manifest.restored'; readonly digest: Digest }
  | { readonly kind: 'tag.restored'; readonly tag: Tag; readonly digest: Digest }
  /** With all its tags and manifests, of which no other event tells. */
  | { readonly kind: 'repository.deleted'; readonly trash: number }
  | { readonly kind: 'repository.restored' }
  /** A deletion cannot be taken back any more. */
  | { readonly kind: 'trash.emptied'; readonly what: string; readonly trash: number }
  | { readonly kind: 'blob.mounted'; readonly digest: Digest; readonly from: RepositoryId }
  | { readonly kind: 'blob.unlinked'; readonly digest: Digest }

/** Adds the event to the outbox; it exists if and only if the transaction commits. */
export async function record(
  tx: Transaction,
  repository: RepositoryId,
  actor: string,
  event: RegistryEvent,
): Promise<void> {
  const { kind, ...facts } = event
  await insertEvent(tx, { kind, repositoryId: repository, actor, facts: JSON.stringify(facts) })
}
