/** How much verification has looked at. */

export interface VerifyCounts {
  readonly blobs: number
  readonly hashedBytes: number
  readonly manifests: number
  readonly links: number
  /** Digests that have bytes in the tree. */
  readonly storedDigests: number
  readonly uploads: number
}

/** What is looked at one by one. */
export type Counted = Exclude<keyof VerifyCounts, 'hashedBytes'>

export const NO_COUNTS: VerifyCounts = {
  blobs: 0,
  hashedBytes: 0,
  manifests: 0,
  links: 0,
  storedDigests: 0,
  uploads: 0,
}

export function addCounts(one: VerifyCounts, other: VerifyCounts): VerifyCounts {
  return {
    blobs: one.blobs + other.blobs,
    hashedBytes: one.hashedBytes + other.hashedBytes,
    manifests: one.manifests + other.manifests,
    links: one.links + other.links,
    storedDigests: one.storedDigests + other.storedDigests,
    uploads: one.uploads + other.uploads,
  }
}
