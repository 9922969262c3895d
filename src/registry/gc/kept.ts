/**
 * Which manifests are kept. All that a repository has; or, where untagged ones are not, those that a tag names, what
 * kept indexes list, and what is about a kept manifest (signatures, SBOMs), however deep.
 * The answer is found from the manifest upwards, a few rows at a time: nothing is ever read as a whole.
 */
import type { Read } from '../../metadata/database.ts'
import { findSubject, findTaggedDigests, listParents, type ManifestPlace } from '../../metadata/garbage.ts'
import { findUntaggedSince } from '../../metadata/manifest-reviews.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import type { Digest } from '../../oci/digest.ts'

/** An index in an index in an index … : digests cannot go round in circles, but they can be a long way. */
const DEEPEST = 100
const PARENTS_AT_ONCE = 100
const MOST_REMEMBERED = 10_000

export interface KeepRules {
  /** A manifest that nothing names is garbage. */
  readonly deleteUntagged: boolean
  /** Only where no tag has named it since then, in milliseconds since 1970, nor was it pushed or restored since; whenever unless told. */
  readonly untaggedBefore?: number
}

/** Answers for as long as one page takes to find, and remembers some of what it has found out. */
export class Kept {
  readonly #read: Read
  readonly #rules: KeepRules
  readonly #known = new Map<string, boolean>()

  constructor(read: Read, rules: KeepRules) {
    this.#read = read
    this.#rules = rules
  }

  /** Whether the repository has the manifest, and keeps it. */
  async isKept(place: ManifestPlace, depth = 0): Promise<boolean> {
    const key = `${place.repository} ${place.manifest}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const isKept = await this.#findOut(place, depth)
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear()
    this.#known.set(key, isKept)
    return isKept
  }

  async #findOut({ repository, manifest }: ManifestPlace, depth: number): Promise<boolean> {
    if (!(await hasManifest(this.#read, repository, manifest))) return false
    // What is too deep to tell is kept: on any doubt nothing is garbage.
    if (!this.#rules.deleteUntagged || depth > DEEPEST) return true
    const tagged = await findTaggedDigests(this.#read, repository, [manifest])
    if (tagged.size > 0 || (await this.#isYoung(repository, manifest))) return true
    const subject = await findSubject(this.#read, repository, manifest)
    if (subject !== null && (await this.isKept({ repository, manifest: subject }, depth + 1))) return true
    return await this.#hasKeptParent(repository, manifest, depth)
  }

  async #isYoung(repository: number, manifest: Digest): Promise<boolean> {
    const { untaggedBefore } = this.#rules
    if (untaggedBefore === undefined) return false
    const since = await findUntaggedSince(this.#read, repository, manifest)
    return since === null || since >= untaggedBefore
  }

  async #hasKeptParent(repository: number, child: Digest, depth: number): Promise<boolean> {
    for (let after = ''; ; ) {
      const parents = await listParents(this.#read, repository, child, { after, limit: PARENTS_AT_ONCE })
      for (const manifest of parents) {
        if (await this.isKept({ repository, manifest }, depth + 1)) return true
      }
      const last = parents.at(-1)
      if (last === undefined || parents.length < PARENTS_AT_ONCE) return false
      after = last
    }
  }
}
