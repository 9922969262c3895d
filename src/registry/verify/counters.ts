/**
 * What each stored digest counts for, against the facts that it is counted from: a sum is as right as its parts. What has
 * changed and is not counted yet tells nothing, so it is counted first.
 */
import { findCountedBlobs, findCountedPlaces } from '../../metadata/usage.ts'
import { findPlaceKinds, findStoredFacts, listRepositoriesOfDigest } from '../../metadata/usage-facts.ts'
import { placeKey } from '../../metadata/usage-place.ts'
import { listPayloads, listStoredBlobs } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import { countedBlob, countedPlace, UNCOUNTED } from '../usage/counting.ts'
import { countChanges } from '../usage.ts'
import { finding, mended } from './finding.ts'
import type { Look, Position } from './look.ts'
import { countAgainCommand } from './repair.commands.ts'

const ROWS_AT_ONCE = 100
/** A digest that is in more repositories than that is not looked at: its places are counted a few at a time. */
const MOST_PLACES = 500
const PATIENCE_MILLISECONDS = 2_000

/** First the digests of blobs, then those of manifests. */
export async function lookAtCounters(look: Look, from: Position): Promise<Position | null> {
  const page = { after: from.after, limit: ROWS_AT_ONCE }
  const digests =
    from.part === 'payloads'
      ? await listPayloads(look.read, page)
      : (await listStoredBlobs(look.read, page)).map(({ digest }) => digest)
  await countChanges(look.registry, PATIENCE_MILLISECONDS, look.options.signal)
  let after = from.after
  for (const digest of digests) {
    if (look.isOver) return { ...from, after }
    await look.at(digest, () => lookAtDigest(look, digest), undefined)
    after = digest
  }
  if (digests.length === ROWS_AT_ONCE) return { ...from, after }
  return from.part === 'payloads' ? null : { ...from, part: 'payloads', after: '' }
}

async function lookAtDigest(look: Look, digest: Digest): Promise<void> {
  if (await isCountedRight(look, digest)) return
  // It may have changed since.
  const { isComplete } = await countChanges(look.registry, PATIENCE_MILLISECONDS, look.options.signal)
  if (!isComplete || (await isCountedRight(look, digest))) return
  const message = `What ${digest} takes up is not counted as it should be, so the numbers of berth usage are wrong.`
  const found = finding('counter differs', message, { digest })
  if (!look.options.repair) return look.tell(found)
  await look.registry.database.write(countAgainCommand, { digest })
  look.tell(mended(found, 'It is counted again.'))
}

async function isCountedRight({ read }: Look, digest: Digest): Promise<boolean> {
  const repositories = await listRepositoriesOfDigest(read, digest, MOST_PLACES + 1)
  if (repositories.length > MOST_PLACES) return true
  const places = repositories.map((repository) => ({ repository, digest }))
  const stored = (await findStoredFacts(read, [digest])).get(digest) ?? { size: null, isLeaving: false }
  const kinds = await findPlaceKinds(read, places)
  const counted = await findCountedPlaces(read, places)
  const arePlacesRight = places.every((place, at) => {
    const expected = countedPlace(kinds[at] ?? null, stored.size)
    return Bun.deepEquals(counted.get(placeKey(place)) ?? null, expected)
  })
  const inPlaces = (kind: string) => kinds.filter((each) => stored.size !== null && each === kind).length
  const blob = (await findCountedBlobs(read, [digest])).get(digest) ?? UNCOUNTED
  const expected = countedBlob(stored, { liveIn: inPlaces('live'), trashIn: inPlaces('trash') })
  return arePlacesRight && Bun.deepEquals(blob, expected)
}
