/**
 * Writes links anew, inside the command of a push, that were empty or torn when the tree was read. Before that
 * nobody touches them; but what was pushed through Berth, another registry must be able to serve, and clients push
 * only what they are told is not there.
 */
import type { Transaction } from '../../metadata/database.ts'
import { type DigestPage, listBlobsOfManifest, listChildren } from '../../metadata/garbage.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { forgetTornLink, hasTornLinks, type TornLink } from '../../metadata/torn-files.ts'
import type { Digest } from '../../oci/digest.ts'
import { markTornLink } from './marks.ts'

const ROWS_AT_ONCE = 1_000

/** Heals the links of a manifest that was pushed, of its blobs, and of its children with theirs. */
export async function healLinksOfManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  if (!(await hasTornLinks(tx, repository))) return
  const reached = new Set([digest])
  // The set grows while it is gone through.
  for (const manifest of reached) {
    await healLink(tx, repository, { what: 'revision', key: manifest })
    const blobs = (page: DigestPage) => listBlobsOfManifest(tx, repository, manifest, page)
    for await (const blob of everyDigest(blobs)) await healLink(tx, repository, { what: 'layer', key: blob })
    const children = (page: DigestPage) => listChildren(tx, repository, manifest, page)
    for await (const child of everyDigest(children)) reached.add(child)
  }
}

/** False where the link is not known to be torn. */
export async function healLink(tx: Transaction, repository: RepositoryId, link: TornLink): Promise<boolean> {
  if (!(await forgetTornLink(tx, repository, link))) return false
  await markTornLink(tx, repository, link)
  return true
}

/** One page after another. */
export async function* everyDigest(list: (page: DigestPage) => Promise<Digest[]>): AsyncGenerator<Digest> {
  let after = ''
  for (;;) {
    const digests = await list({ after, limit: ROWS_AT_ONCE })
    yield* digests
    const last = digests.at(-1)
    if (last === undefined || digests.length < ROWS_AT_ONCE) return
    after = last
  }
}
