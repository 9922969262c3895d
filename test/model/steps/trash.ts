/** The trash: repositories into it, everything back out of it, emptied by hand and by time; tags that name again what they named. */
import fc from 'fast-check'
import { RegistryError } from '../../../src/oci/errors.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Tag } from '../../../src/oci/tag.ts'
import type { EmptiedTrash, Owner } from '../client.ts'
import type { Model, Trashed } from '../model.ts'
import type { Run } from '../run.ts'
import { nameOf } from '../stock.ts'
import { anyRepository, anyTag } from './choices.ts'
import { anyPlace, at, NOTHING_TO_DO, steps, type WeightedSteps } from './step.ts'

export const trashSteps: readonly WeightedSteps[] = [
  steps(2, { repository: anyRepository }, ({ repository }) => ({
    says: `delete ${repository} whole`,
    perform: (run) => asOwner(run, (owned) => deleteRepository(owned, repository)),
  })),
  steps(5, { place: anyPlace }, ({ place }) => ({
    says: 'take a deletion back',
    perform: (run) => asOwner(run, (owned) => restore(owned, place)),
  })),
  steps(2, { place: anyPlace }, ({ place }) => ({
    says: 'empty a deletion out of the trash',
    perform: (run) => asOwner(run, (owned) => emptyOne(owned, place)),
  })),
  steps(1, { repository: fc.option(anyRepository, { freq: 2 }) }, ({ repository }) => ({
    says: `empty the trash of ${repository ?? 'all'}`,
    perform: (run) =>
      asOwner(run, (owned) => empty(owned, repository === null ? { all: true } : { repository }, () => true)),
  })),
  steps(3, {}, () => ({
    says: 'let go what has lain in the trash for long enough',
    perform: (run) => purge(run),
  })),
  steps(3, { repository: anyRepository, tag: anyTag, place: anyPlace }, ({ repository, tag, place }) => ({
    says: `let ${repository}:${tag} name again what it named`,
    perform: (run) => asOwner(run, (owned) => restoreTag(owned, { repository, tag, place })),
  })),
]

interface Owned {
  readonly run: Run
  readonly owner: Owner
}

async function asOwner(run: Run, work: (owned: Owned) => Promise<unknown>): Promise<unknown> {
  const { owner } = run.world
  return owner === null ? NOTHING_TO_DO : await work({ run, owner })
}

async function deleteRepository({ run, owner }: Owned, repository: RepositoryName): Promise<unknown> {
  const { manifests, tags, links } = run.model.in(repository)
  const isThere = manifests.size > 0
  return await run.act({
    says: `deleted ${repository}`,
    call: () => owner.deleteRepository(repository),
    effect(model) {
      const gone = { manifests: [...manifests].toSorted(), tags: new Map(tags), links: new Set(links.keys()) }
      model.discard(repository, { what: 'repository', ...gone })
      model.uploads = model.uploads.filter((upload) => upload.repository !== repository)
    },
    ...(isThere ? {} : { mayFail: ['NAME_UNKNOWN'] }),
  })
}

/** What may be gone by itself is gone first, so that everybody knows what there is. */
async function restore({ run, owner }: Owned, place: number): Promise<unknown> {
  await purge(run)
  const entry = at(run.model.trash, place)
  if (entry === null || entry.id === null) return NOTHING_TO_DO
  const { id } = entry
  return await run.act({
    says: `took back deletion ${id} (${entry.what} of ${entry.repository})`,
    call: () => pastDeletions(run, () => owner.restoreTrash(id)),
    effect: (model) => bringBack(model, entry),
  })
}

/** So often somebody is told that a blob is just being deleted, and asks again a moment later. */
const MOST_ATTEMPTS = 5

async function pastDeletions(run: Run, restore: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await restore()
    } catch (error) {
      const isDeleting = error instanceof RegistryError && error.code === 'UNAVAILABLE'
      if (!isDeleting || attempt === MOST_ATTEMPTS) throw error
    }
    await run.world.flush()
    await run.forward(2 * run.world.times.step)
    await run.world.collect(5)
  }
}

function bringBack(model: Model, entry: Trashed): void {
  const { repository, manifests, tags, links } = entry
  const into = model.in(repository)
  for (const digest of manifests) model.bringBack(repository, digest)
  for (const digest of tags.values())
    if (model.isAway(repository, digest)) model.bringBack(repository, digest)
  for (const [tag, digest] of tags) {
    if (!into.tags.has(tag) && into.manifests.has(digest)) into.tags.set(tag, digest)
  }
  for (const blob of links) if (!into.links.has(blob)) into.links.set(blob, 0)
  model.trash = model.trash.filter((each) => each !== entry)
}

async function emptyOne({ run, owner }: Owned, place: number): Promise<unknown> {
  await purge(run)
  const entry = at(run.model.trash, place)
  if (entry === null || entry.id === null) return NOTHING_TO_DO
  return await empty({ run, owner }, { id: entry.id }, (each) => each === entry)
}

async function empty(
  { run, owner }: Owned,
  which: EmptiedTrash,
  isMeant: (entry: Trashed) => boolean,
): Promise<unknown> {
  const isGone = (entry: Trashed) =>
    'repository' in which ? entry.repository === which.repository : isMeant(entry)
  return await run.act({
    says: `emptied ${JSON.stringify(which)}`,
    call: () => owner.emptyTrash(which),
    effect: (model) => {
      model.trash = model.trash.filter((entry) => !isGone(entry))
    },
  })
}

export async function purge(run: Run): Promise<void> {
  await run.act({
    says: 'purged the trash',
    call: () => run.world.purge(),
    effect: (model) => {
      model.trash = model.trash.filter((entry) => !model.isExpired(entry))
    },
  })
}

interface TagChoice {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly place: number
}

async function restoreTag({ run, owner }: Owned, { repository, tag, place }: TagChoice): Promise<unknown> {
  await purge(run)
  const history = await run.act({
    says: `asked what ${repository}:${tag} has named`,
    call: () => owner.listTagHistory(repository, tag),
    effect: () => {},
    mayFail: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'],
  })
  const position = history.kind === 'done' ? at(history.result, place) : null
  if (position === null) return NOTHING_TO_DO
  const { digest } = position
  return await run.act({
    says: `let ${repository}:${tag} name ${nameOf(digest)} again, which is ${position.manifest}`,
    call: () => pastDeletions(run, () => owner.restoreTag(repository, tag, digest)),
    effect(model) {
      if (model.isAway(repository, digest)) model.bringBack(repository, digest)
      model.in(repository).tags.set(tag, digest)
    },
    ...(position.manifest === 'gone' ? { mustFail: ['MANIFEST_UNKNOWN'] } : {}),
  })
}
