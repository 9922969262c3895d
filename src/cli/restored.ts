/** What a restoration brought back, in lines for people; and what it did not. */
import type { RestoredThings } from '../registry/restoration.ts'
import { EXIT, Failure } from './failure.ts'

export function describeRestored(restored: RestoredThings): string[] {
  const { manifests, tags, missing, occupied, goneTags, goneManifests, untold } = restored
  return [
    `Restored: ${manifests} manifests, ${tags} tags.`,
    ...occupied.map(
      ({ name, digest, names }) => `Left alone: the tag ${name} names ${names} by now. It named ${digest}.`,
    ),
    ...missing.flatMap(({ manifest, blobs }) =>
      blobs.map((blob) => `Not whole: ${manifest} needs ${blob}, which is lost. Push it again.`),
    ),
    ...goneManifests.map((digest) => `Gone for good: the manifest ${digest}.`),
    ...goneTags.map(
      ({ name, digest }) => `Gone for good: the tag ${name}, for ${digest} is nowhere any more.`,
    ),
    ...(untold === 0 ? [] : [`And ${untold} more.`]),
  ]
}

/** For scripts, which look at the exit code: a part that did not come back is no success. Throws Failure. */
export function failUnlessWhole({ isWhole }: RestoredThings): void {
  if (isWhole) return
  throw new Failure(EXIT.FAILED, 'Not everything came back; the lines above say what did not, and why.')
}
