/**
 * Compares what a registry shows with what the model says. Where a process died in the middle of something there are two
 * models, before and after: each fact must be as in one of them, and is from then on as it is seen.
 */
import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { Model, type Trashed } from './model.ts'
import { BLOBS, MANIFESTS, nameOf, REPOSITORIES, TAGS } from './stock.ts'
import type { View } from './view.ts'

/** What a process that died may have left: the same model twice where everything was acknowledged. */
export interface Alternatives {
  readonly before: Model
  readonly after: Model
}

/** Sentences: what is shown and must not be, or the other way round. */
export function contradictions(view: View, alternatives: Alternatives): string[] {
  return [
    ...REPOSITORIES.flatMap((repository) => [
      ...wrongManifests(view, alternatives, repository),
      ...wrongTags(view, alternatives, repository),
      ...wrongBlobs(view, alternatives, repository),
      ...vanished(view, alternatives, repository),
    ]),
    ...wrongTrash(view, alternatives),
  ]
}

/** The model of what is so from now on: what the view has decided, and no promise that nobody heard. */
export function settled(view: View, { before, after }: Alternatives): Model {
  const model = new Model(after)
  for (const [name, shown] of view.repositories) {
    const repository = model.in(name)
    replace(repository.manifests, shown.manifests)
    repository.tags.clear()
    for (const [tag, digest] of shown.tags) repository.tags.set(tag, digest)
    repository.links.clear()
    repository.doubtful.clear()
    for (const blob of shown.blobs) repository.links.set(blob, before.in(name).links.get(blob) ?? 0)
  }
  model.trash = view.trash
  return model
}

function wrongManifests(view: View, { before, after }: Alternatives, name: RepositoryName): string[] {
  const shown = shownIn(view, name).manifests
  return MANIFESTS.map(({ digest }) => digest)
    .filter((digest) => isNeither(shown.has(digest), has(before, digest), has(after, digest)))
    .map((digest) => `${name} ${shown.has(digest) ? 'has' : 'has lost'} ${nameOf(digest)}`)

  function has(model: Model, digest: Digest): boolean {
    return model.in(name).manifests.has(digest)
  }
}

function wrongTags(view: View, { before, after }: Alternatives, name: RepositoryName): string[] {
  const shown = shownIn(view, name).tags
  return TAGS.filter((tag) =>
    isNeither(shown.get(tag), before.in(name).tags.get(tag), after.in(name).tags.get(tag)),
  ).map((tag) => {
    const wanted = before.in(name).tags.get(tag) ?? 'nothing'
    return `${name}:${tag} names ${nameOf(shown.get(tag) ?? 'nothing')}, not ${nameOf(wanted)}`
  })
}

function wrongBlobs(view: View, { before, after }: Alternatives, name: RepositoryName): string[] {
  const shown = shownIn(view, name).blobs
  return BLOBS.flatMap(({ digest }) => {
    if (shown.has(digest)) {
      const isAllowed = before.mayShow(name, digest) || after.mayShow(name, digest)
      return isAllowed ? [] : [`${name} shows ${nameOf(digest)}, which nobody gave it`]
    }
    const isWanted = before.mustShow(name, digest) && after.mustShow(name, digest)
    return isWanted ? [`${name} has lost ${nameOf(digest)}`] : []
  })
}

/** Nothing goes from a repository but to its trash, and from there but by purging or back. */
function vanished(view: View, { before, after }: Alternatives, name: RepositoryName): string[] {
  const kept = new Set(after.keptManifests(name))
  const trashed = view.trash.filter(({ repository }) => repository === name)
  const found = new Set([...shownIn(view, name).manifests, ...trashed.flatMap(({ manifests }) => manifests)])
  return before
    .keptManifests(name)
    .filter((digest) => kept.has(digest) && !found.has(digest))
    .map((digest) => `${nameOf(digest)} is neither in ${name} nor in its trash`)
}

function wrongTrash(view: View, { before, after }: Alternatives): string[] {
  const allowed = [...before.trash, ...after.trash]
  // Of what is being purged there may be less than was deleted.
  const strange = view.trash.filter(
    (seen) => !after.isExpired(seen) && !allowed.some((each) => isSame(each, seen)),
  )
  const lost = after.trash.filter(
    (wanted) =>
      !after.isExpired(wanted) &&
      before.trash.some((each) => isSame(each, wanted)) &&
      !view.trash.some((seen) => isSame(wanted, seen)),
  )
  return [
    ...strange.map((each) => `the trash holds ${describe(each)}, which nobody deleted so`),
    ...lost.map((each) => `the trash has lost ${describe(each)}`),
  ]
}

/** A deletion that nobody has looked for yet has no number. */
function isSame(one: Trashed, other: Trashed): boolean {
  if (one.id !== null && other.id !== null && one.id !== other.id) return false
  return contentOf(one) === contentOf(other)
}

function contentOf({ repository, what, manifests, tags }: Trashed): string {
  return JSON.stringify([repository, what, manifests.toSorted(), [...tags].toSorted()])
}

function describe({ id, repository, what, manifests, tags }: Trashed): string {
  const held = [...manifests.map(nameOf), ...[...tags].map(([tag, digest]) => `${tag}=${nameOf(digest)}`)]
  return `${id ?? 'a new'} (${what} of ${repository}: ${held.join(', ')})`
}

function shownIn(view: View, name: RepositoryName) {
  const found = view.repositories.get(name)
  if (found === undefined) throw new Error(`nobody has looked at ${name}`)
  return found
}

function isNeither<Value>(seen: Value, one: Value, other: Value): boolean {
  return seen !== one && seen !== other
}

function replace<Item>(set: Set<Item>, items: Iterable<Item>): void {
  set.clear()
  for (const item of items) set.add(item)
}
