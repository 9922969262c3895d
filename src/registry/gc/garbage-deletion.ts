/**
 * What `garbage-collect` deletes of what it has told of: with untagged manifests, these go into the trash; and bytes that
 * no review leads to, as another registry leaves them behind, are made known to collection, which deletes them as it
 * deletes everything (`run.ts`). A page at a time, as it is told.
 */
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Registry } from '../registry.ts'
import {
  findGarbage,
  GARBAGE_BEGIN,
  type GarbageCursor,
  type GarbageFinding,
  type GarbagePage,
  garbagePlaceOf,
} from './garbage.ts'
import { reviewGarbageCommand, takeUntaggedCommand } from './garbage-deletion.commands.ts'
import type { KeepRules } from './kept.ts'

const MANIFESTS_AT_ONCE = 20
const DIGESTS_AT_ONCE = 100

export interface DeletedGarbage {
  /** Manifests that went into the trash. */
  readonly trashed: number
  /** Null after the last page. */
  readonly next: GarbageCursor | null
}

/** Throws GarbageUnknown, DatabaseUnavailable, WriterUnavailable, StorageUnavailable. */
export async function deleteGarbage(
  registry: Registry,
  rules: KeepRules,
  { cursor, by }: { readonly cursor: GarbageCursor | null; readonly by: string },
): Promise<DeletedGarbage> {
  const place = garbagePlaceOf(registry)
  if (place === null) return { trashed: 0, next: null }
  const begin = rules.deleteUntagged ? GARBAGE_BEGIN : { ...GARBAGE_BEGIN, step: 'list' as const }
  const page = await findGarbage(place, rules, cursor ?? begin)
  const trashed = rules.deleteUntagged ? await takeUntagged(registry, page.findings, { by, rules }) : 0
  await reviewBlobs(registry, page.findings)
  return { trashed, next: afterManifests(page) }
}

/** What is only counted is passed over. */
function afterManifests({ next }: GarbagePage): GarbageCursor | null {
  if (next === null || next.step === 'repositories' || next.step === 'list') return next
  return { ...next, step: 'list', after: '', manifest: null }
}

async function takeUntagged(
  { database, policy }: Registry,
  findings: readonly GarbageFinding[],
  { by, rules }: { readonly by: string; readonly rules: KeepRules },
): Promise<number> {
  const untaggedBefore = rules.untaggedBefore ?? null
  const found = new Map<RepositoryName, Digest[]>()
  for (const finding of findings) {
    if (finding.kind !== 'garbage manifest') continue
    found.set(finding.repository, [...(found.get(finding.repository) ?? []), finding.digest])
  }
  let trashed = 0
  for (const [repository, all] of found) {
    for (const digests of partsOf(all, MANIFESTS_AT_ONCE)) {
      const input = { repository, digests, by, untaggedBefore, lease: policy.collection.lease }
      trashed += await database.write(takeUntaggedCommand, input)
    }
  }
  return trashed
}

async function reviewBlobs({ database }: Registry, findings: readonly GarbageFinding[]): Promise<void> {
  const found = findings.flatMap((finding) => (finding.kind === 'garbage blob' ? [finding.digest] : []))
  for (const digests of partsOf(found, DIGESTS_AT_ONCE)) {
    await database.write(reviewGarbageCommand, { digests })
  }
}

function partsOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  )
}
