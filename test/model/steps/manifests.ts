/** Manifests: alone, or as a client pushes a whole image, with what it has of it left out; and deleted. */
import fc from 'fast-check'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Tag } from '../../../src/oci/tag.ts'
import type { Model } from '../model.ts'
import type { Run } from '../run.ts'
import { nameOf, REPOSITORIES, type Stocked } from '../stock.ts'
import { askForBlob, mount, pushBlob } from './blobs.ts'
import { anyManifest, anyRepository, anyTag } from './choices.ts'
import { anyPlace, at, NOTHING_TO_DO, type Step, steps, type WeightedSteps } from './step.ts'

/** Null: by digest, without a tag. */
const maybeTag = fc.option(anyTag, { freq: 3 })
/** How a client takes a blob that it has not: mostly by uploading it. */
const ways = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })

export const manifestSteps: readonly WeightedSteps[] = [
  steps(4, { repository: anyRepository, manifest: anyManifest, tag: maybeTag, ways }, (push) => ({
    says: `push ${push.manifest.name} whole to ${placeOf(push)}`,
    perform: (run) => pushWhole(run, { ...push, meanwhile: [] }),
  })),
  steps(4, { repository: anyRepository, manifest: anyManifest, tag: maybeTag }, (push) => ({
    says: `push the manifest of ${push.manifest.name} to ${placeOf(push)}`,
    perform: async (run) => void (await pushManifest(run, push)),
  })),
  steps(3, { repository: anyRepository, place: anyPlace }, ({ repository, place }) => ({
    says: `delete a manifest of ${repository}`,
    perform: (run) => deleteOne(run, repository, place),
  })),
]

/** A push of which the client takes its time between the blobs and the manifest, while other things happen. */
export function pushingSlowly(weight: number, step: fc.Arbitrary<Step>): WeightedSteps {
  const meanwhile = fc.array(step, { minLength: 1, maxLength: 3 })
  const choices = { repository: anyRepository, manifest: anyManifest, tag: maybeTag, ways, meanwhile }
  return steps(weight, choices, (push) => ({
    says: `push ${push.manifest.name} to ${placeOf(push)}, and before its manifest: ${push.meanwhile.map(({ says }) => says).join('; ')}`,
    perform: (run) => pushWhole(run, push),
  }))
}

function placeOf({ repository, tag }: Pick<Push, 'repository' | 'tag'>): string {
  return tag === null ? repository : `${repository}:${tag}`
}

interface Push {
  readonly repository: RepositoryName
  readonly manifest: Stocked
  readonly tag: Tag | null
}

interface WholePush extends Push {
  readonly ways: readonly boolean[]
  /** What happens before the manifest comes. */
  readonly meanwhile: readonly Step[]
}

/** Its children first, its blobs before itself; what the registry has already is not sent again. */
export async function pushWhole(run: Run, { manifest, ...push }: WholePush): Promise<void> {
  for (const child of manifest.children) {
    await pushWhole(run, { ...push, manifest: child, tag: null, meanwhile: [] })
  }
  for (const [place, blob] of manifest.blobs.entries()) {
    if (await askForBlob(run, push.repository, blob)) continue
    if (push.ways[place % push.ways.length] === true && (await mountFromAnywhere(run, push.repository, blob)))
      continue
    await pushBlob(run, push.repository, blob)
  }
  for (const step of push.meanwhile) {
    run.tell(` meanwhile: ${step.says}`)
    await step.perform(run)
    await run.check()
  }
  await pushManifest(run, { ...push, manifest })
}

async function mountFromAnywhere(
  run: Run,
  to: RepositoryName,
  blob: Stocked['blobs'][number],
): Promise<boolean> {
  const from = REPOSITORIES.find((each) => each !== to && run.model.mayShow(each, blob.digest))
  return from !== undefined && (await mount(run, { from, to, blob }))
}

export async function pushManifest(run: Run, push: Push): Promise<boolean> {
  const { repository, manifest, tag } = push
  const { model } = run
  const isRefused = manifest.blobs.some(({ digest }) => !model.mayShow(repository, digest))
  const isTaken = manifest.blobs.every(({ digest }) => model.mustShow(repository, digest))
  const pushed = await run.act({
    says: `pushed ${manifest.name} to ${placeOf(push)}`,
    call: (client) => client.pushManifest(repository, manifest, tag),
    effect: (after) => arrive(after, push),
    ...(isRefused ? { mustFail: ['MANIFEST_BLOB_UNKNOWN'] } : {}),
    ...(isTaken ? {} : { mayFail: ['MANIFEST_BLOB_UNKNOWN', 'UNAVAILABLE'] }),
  })
  return pushed.kind === 'done'
}

function arrive(model: Model, { repository, manifest, tag }: Push): void {
  const into = model.in(repository)
  for (const { digest } of manifest.optional) {
    if (!model.mustShow(repository, digest)) into.doubtful.add(digest)
  }
  into.manifests.add(manifest.digest)
  if (tag !== null) into.tags.set(tag, manifest.digest)
  // The registry has found them there.
  for (const { digest } of manifest.blobs) model.promise(repository, digest, 0)
}

async function deleteOne(run: Run, repository: RepositoryName, place: number): Promise<unknown> {
  const digest = at([...run.model.in(repository).manifests].toSorted(), place)
  if (digest === null) return NOTHING_TO_DO
  return await run.act({
    says: `deleted ${nameOf(digest)} from ${repository}`,
    call: (client) => client.deleteManifest(repository, digest),
    effect: (model) =>
      model.discard(repository, {
        what: 'manifest',
        manifests: [digest],
        tags: model.tagsOf(repository, digest),
        links: new Set(),
      }),
  })
}
