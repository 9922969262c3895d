/**
 * Why a digest is still here, when it goes at the earliest, or where it went, in sentences: decided from what is known
 * of it (explain.ts), without asking anything more.
 */
import type { Damage } from '../../metadata/damage.ts'
import type { BlobRow, ReviewRow } from '../../metadata/explanation.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import type { CollectionPolicy } from '../registry.ts'

/** Some of what there is. */
export interface Some<Item> {
  readonly items: readonly Item[]
  /** How many more there are, as far as they were counted. */
  readonly more: number
}

/** A manifest that uses the digest, or is it. Times are milliseconds since 1970. */
export interface Holder {
  /** Null where the repository is gone. */
  readonly repository: RepositoryName | null
  readonly manifest: Digest
  readonly isLive: boolean
  readonly tags: Some<Tag>
  /** Indexes of the repository that list the manifest. */
  readonly indexes: Some<{ readonly digest: Digest; readonly tags: Some<Tag> }>
  /** Until when it can be restored; null of one that is there. */
  readonly restorableUntil: number | null
}

export interface KnownOfDigest {
  readonly digest: Digest
  readonly blob: BlobRow | null
  /** Bytes of the manifest with this digest, whoever has it; null where it is none. */
  readonly payload: { readonly size: number } | null
  /** What lies in its place; null where nothing does. */
  readonly file: { readonly size: number } | null
  /** Deleted bytes that still lie aside, and since when. */
  readonly condemned: Some<{ readonly since: number; readonly size: number }>
  /** Damaged bytes that were set aside. */
  readonly quarantined: { readonly since: number; readonly size: number } | null
  readonly damage: Damage | null
  /** Manifests that refer to it as a blob, those that are there first. */
  readonly users: Some<Holder>
  /** Repositories that have it as a manifest, or had. */
  readonly manifests: Some<Holder>
  readonly links: Some<{ readonly repository: RepositoryName | null; readonly linkedAt: number }>
  /** Uploads that are about to make it a blob. */
  readonly uploads: Some<{ readonly id: string; readonly repository: RepositoryName | null }>
  /** The tree may still show a link to it. */
  readonly isMarked: boolean
  readonly review: ReviewRow | null
  /** Why nothing is collected now, as a sentence. */
  readonly heldBy: string | null
}

export interface Fate {
  /** When its bytes are off the disk at the earliest; null where they stay, or are not there. */
  readonly goesAt: number | null
  readonly why: readonly string[]
}

export interface Times extends CollectionPolicy {
  /** Milliseconds since 1970. */
  readonly now: number
  /** A manifest that nothing names for so long is deleted; null: never. */
  readonly untaggedFor: number | null
}

export function fateOf(known: KnownOfDigest, times: Times): Fate {
  const fate = fateByUse(known, times)
  const held = fate.goesAt === null || known.heldBy === null ? [] : [known.heldBy]
  const also = [...damageOf(known), ...held]
  return { goesAt: fate.goesAt, why: [...fate.why, ...also] }
}

function fateByUse(known: KnownOfDigest, times: Times): Fate {
  const holders = [...known.manifests.items, ...known.users.items]
  const sentences = (some: readonly Holder[]) => {
    const more = known.users.more + known.manifests.more
    const others = more === 0 ? [] : [`And ${more} more manifests do, deleted ones included.`]
    return [...some.map((holder) => sentenceOf(known.digest, holder)), ...others]
  }
  const live = holders.filter(({ isLive }) => isLive)
  if (live.length > 0) {
    return { goesAt: null, why: [...sentences(live), ...untaggedRule(live, times), STAYS] }
  }
  if (holders.length > 0) {
    const { goesAt, why } = afterTrash(known, holders, times)
    return { goesAt, why: [...sentences(holders), why] }
  }
  if (known.blob !== null) return unused(known.blob, known, times)
  if (known.payload !== null) return { goesAt: times.now + times.unlinkAfter, why: [LEFT_MANIFEST] }
  return unknown(known, times)
}

const STAYS = 'It stays for as long as that is so.'

/** Said where only manifests hold it that nothing names. */
function untaggedRule(live: readonly Holder[], { untaggedFor }: Times): string[] {
  const isNamed = live.some(({ tags, indexes }) => tags.items.length + indexes.items.length > 0)
  if (untaggedFor === null || isNamed) return []
  return [
    `By the rule for untagged manifests, one that nothing names for ${duration(untaggedFor)} is deleted.`,
  ]
}

const LEFT_MANIFEST = 'It was a manifest, and neither a repository nor the trash has it now: it goes soon.'

/** A blob has its grace then; a manifest goes with the deletion that held it last. */
function afterTrash(
  { blob }: KnownOfDigest,
  holders: readonly Holder[],
  { grace, condemnedFor, unlinkAfter, now }: Times,
): { readonly goesAt: number; readonly why: string } {
  const until = Math.max(now, ...holders.map(({ restorableUntil }) => restorableUntil ?? 0))
  if (blob === null) {
    return { goesAt: until + unlinkAfter, why: 'When the trash has let go of it, it is deleted.' }
  }
  const why = `When the trash has let go of it, it stays for a grace of ${duration(grace)} more, and is then deleted.`
  return { goesAt: until + grace + condemnedFor + unlinkAfter, why }
}

function unused(blob: BlobRow, known: KnownOfDigest, times: Times): Fate {
  if (blob.state === 'deleting') return deleting(known, times)
  if (blob.state === 'condemned') return condemned(blob, known, times)
  return unreferenced(blob, known, times)
}

function deleting({ isMarked }: KnownOfDigest, times: Times): Fate {
  const why = [`Nothing refers to it, and it is being deleted: ${layAside(times)}.`]
  if (isMarked) why.push('First the link tree must show that nothing links it any more.')
  return { goesAt: times.now + times.unlinkAfter, why }
}

function condemned(blob: BlobRow, { review }: KnownOfDigest, times: Times): Fate {
  const at = Math.max(times.now, review?.dueAt ?? 0, blob.leaseUntil)
  const why = [
    `Nothing refers to it, and it is condemned: it is deleted from ${moment(at)} on, ` +
      `unless somebody pushes, mounts or asks for it before; then ${layAside(times)}.`,
    ...leaseOf(blob, times),
  ]
  return { goesAt: at + times.unlinkAfter, why }
}

function unreferenced(blob: BlobRow, { review }: KnownOfDigest, times: Times): Fate {
  if (review === null) return { goesAt: null, why: [NOBODY_LOOKS, ...leaseOf(blob, times)] }
  const { grace, condemnedFor, unlinkAfter } = times
  const due = Math.max(times.now, review.dueAt)
  const since = blob.unreferencedSince
  const begin =
    since === null
      ? `Nothing refers to it any more. Collection looks at it at ${moment(due)} (${review.reason}), and its grace of ${duration(grace)} begins then.`
      : `Nothing has referred to it since ${moment(since)}. Its grace of ${duration(grace)} ends at ${moment(since + grace)}.`
  const then = `Then it is condemned, ${duration(condemnedFor)} later deleted, and ${layAside(times)}.`
  const condemnedAt = Math.max(due, blob.leaseUntil, (since ?? due) + grace)
  return { goesAt: condemnedAt + condemnedFor + unlinkAfter, why: [begin, ...leaseOf(blob, times), then] }
}

const NOBODY_LOOKS =
  'Nothing refers to it, and collection has not been asked to look at it: `berth verify --repair` asks it to.'

function layAside({ unlinkAfter }: Times): string {
  return `its bytes lie aside for ${duration(unlinkAfter)} more before they are off the disk`
}

function leaseOf({ leaseUntil }: BlobRow, { now }: Times): string[] {
  if (leaseUntil < now) return []
  return [
    `Until ${moment(leaseUntil)} it is left alone (its lease): somebody has just pushed, mounted or asked for it.`,
  ]
}

/** Of what neither a blob nor a manifest is known. */
function unknown(known: KnownOfDigest, times: Times): Fate {
  if (known.uploads.items.length > 0) {
    return { goesAt: null, why: ['An upload is about to make it a blob.'] }
  }
  if (known.file !== null) return stray(known, times)
  const [aside] = known.condemned.items
  if (aside !== undefined) return gone(aside.since, times)
  return { goesAt: null, why: known.quarantined === null ? [NEVER_HERE] : [] }
}

const NEVER_HERE =
  'There is no such blob or manifest: it was never here, or has been deleted and is off the disk.'

function stray({ review }: KnownOfDigest, { now, unlinkAfter }: Times): Fate {
  const what = 'A file lies in its place of which the database knows nothing'
  if (review === null) {
    return { goesAt: null, why: [`${what}: \`berth verify --repair\` has it looked at.`] }
  }
  const look = `Collection looks at it at ${moment(review.dueAt)} (${review.reason}), and takes it away if nobody is making a blob of it.`
  return { goesAt: Math.max(now, review.dueAt) + unlinkAfter, why: [`${what}. ${look}`] }
}

function gone(deletedAt: number, { unlinkAfter }: Times): Fate {
  const goesAt = deletedAt + unlinkAfter
  const why = `It was deleted at ${moment(deletedAt)}, for nothing referred to it. Its bytes lie aside until ${moment(goesAt)}.`
  return { goesAt, why: [why] }
}

function damageOf({ damage, quarantined, blob, payload, file }: KnownOfDigest): string[] {
  const isMissing = file === null && (payload !== null || (blob !== null && blob.state !== 'deleting'))
  const why: string[] = []
  if (damage !== null) {
    const found = `found damaged at ${moment(damage.foundAt)} (${damage.why})`
    why.push(`Its bytes were ${found}. Push it again to heal it.`)
  } else if (isMissing) {
    why.push('Its file is missing: push it again, or let `berth verify --repair` look at it.')
  }
  if (quarantined !== null) {
    why.push(`Damaged bytes of it lie in quarantine since ${moment(quarantined.since)}.`)
  }
  return why
}

/** Who holds it, and how. */
function sentenceOf(digest: Digest, holder: Holder): string {
  const { manifest, isLive, restorableUntil } = holder
  const repository = holder.repository ?? 'a repository that is gone'
  const [it, use] =
    manifest === digest ? [repository, 'has it as a manifest'] : [`${repository}@${manifest}`, 'uses it']
  if (isLive) return `${it} ${use}, ${nameOf(holder)}.`
  if (restorableUntil === null) return `${it}, deleted and on its way out of the trash, ${use}.`
  return `${it}, deleted and restorable until ${moment(restorableUntil)}, ${use}.`
}

function nameOf({ tags, indexes }: Holder): string {
  const own = tags.items.length === 0 ? 'without a tag' : `tagged ${listed(tags)}`
  const through = indexes.items.map(({ digest, tags }) =>
    tags.items.length === 0 ? digest : `${digest} (${listed(tags)})`,
  )
  return through.length === 0 ? own : `${own}, listed by ${listed({ items: through, more: indexes.more })}`
}

/** `a, b and 3 more`. */
export function listed({ items, more }: Some<string>): string {
  return more === 0 ? items.join(', ') : `${items.join(', ')} and ${more} more`
}

function moment(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}

const SPANS: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
]

function duration(milliseconds: number): string {
  const whole = SPANS.find(([size]) => milliseconds >= size && milliseconds % size === 0)
  const [size, unit] = whole ?? [1000, 's']
  return `${Math.round(milliseconds / size)} ${unit}`
}
