/**
 * Whether a manifest that the database knows is still of use: its own blobs are there, and those of its children
 * as far as the repository has them. Another registry may have collected them while it knew nothing of the manifest.
 */

import { findBlobSize } from '../../metadata/blobs.ts'
import type { Read } from '../../metadata/database.ts'
import { findPayload, hasManifest } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import type { Digest } from '../../oci/digest.ts'
import type { TreeFiles } from './patient-files.ts'
import { findContentSize } from './tree-content.ts'
import { readManifest } from './tree-manifest.ts'

/** Indexes of indexes are rare, and none is known that goes deeper. */
const DEEPEST = 4

export interface WholeCheck {
  readonly database: Read
  readonly files: TreeFiles
  readonly repository: RepositoryId
}

export function isWhole(check: WholeCheck, digest: Digest): Promise<boolean> {
  return isWholeBelow(check, digest, { depth: 0, found: new Set() })
}

/** How far down it is, and what was found whole already: an index may be listed by many others. */
interface Progress {
  readonly depth: number
  readonly found: Set<Digest>
}

async function isWholeBelow(check: WholeCheck, digest: Digest, { depth, found }: Progress): Promise<boolean> {
  if (found.has(digest)) return true
  const bytes = await findPayload(check.database, digest)
  const manifest = bytes === null ? null : readManifest(bytes)
  if (manifest === null) return false
  for (const blob of manifest.needs) {
    const isGone = (await findContentSize(check.files, blob)) === null
    // What was never stored here is not missed: sparse manifests are a setting.
    if (isGone && (await findBlobSize(check.database, blob)) !== null) return false
  }
  if (depth === DEEPEST) return true
  for (const child of manifest.children) {
    if (!(await hasManifest(check.database, check.repository, child))) continue
    if (!(await isWholeBelow(check, child, { depth: depth + 1, found }))) return false
  }
  found.add(digest)
  return true
}
