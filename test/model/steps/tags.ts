/** Tags: moved to what is there, and taken away. */
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Run } from '../run.ts'
import { stocked } from '../stock.ts'
import { anyRepository, anyTag } from './choices.ts'
import { pushManifest } from './manifests.ts'
import { anyPlace, at, NOTHING_TO_DO, steps, type WeightedSteps } from './step.ts'

export const tagSteps: readonly WeightedSteps[] = [
  steps(3, { repository: anyRepository, tag: anyTag, place: anyPlace }, ({ repository, tag, place }) => ({
    says: `tag a manifest of ${repository} as ${tag}`,
    async perform(run) {
      const digest = at([...run.model.in(repository).manifests].toSorted(), place)
      if (digest === null) return NOTHING_TO_DO
      return await pushManifest(run, { repository, manifest: stocked(digest), tag })
    },
  })),
  steps(2, { repository: anyRepository, place: anyPlace }, ({ repository, place }) => ({
    says: `delete a tag of ${repository}`,
    perform: (run) => deleteOne(run, repository, place),
  })),
]

async function deleteOne(run: Run, repository: RepositoryName, place: number): Promise<unknown> {
  const named = at([...run.model.in(repository).tags].toSorted(), place)
  if (named === null) return NOTHING_TO_DO
  const [tag] = named
  return await run.act({
    says: `deleted ${repository}:${tag}`,
    call: (client) => client.deleteTag(repository, tag),
    effect: (model) =>
      model.discard(repository, { what: 'tag', manifests: [], tags: new Map([named]), links: new Set() }),
  })
}
