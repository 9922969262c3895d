/** Blobs: pushed whole, asked for before a push, mounted from another repository, unlinked. */

import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import type { Sample } from '../../sample-content.ts'
import type { Outcome, Run } from '../run.ts'
import { nameOf } from '../stock.ts'
import { anyBlob, anyRepository } from './choices.ts'
import { steps, type WeightedSteps } from './step.ts'

export const blobSteps: readonly WeightedSteps[] = [
  steps(3, { repository: anyRepository, blob: anyBlob }, ({ repository, blob }) => ({
    says: `push ${nameOf(blob.digest)} to ${repository}`,
    perform: (run) => pushBlob(run, repository, blob),
  })),
  steps(2, { repository: anyRepository, blob: anyBlob }, ({ repository, blob }) => ({
    says: `ask ${repository} for ${nameOf(blob.digest)}`,
    perform: (run) => askForBlob(run, repository, blob),
  })),
  steps(3, { from: anyRepository, to: anyRepository, blob: anyBlob }, ({ from, to, blob }) => ({
    says: `mount ${nameOf(blob.digest)} from ${from} in ${to}`,
    perform: (run) => mount(run, { from, to, blob }),
  })),
  steps(1, { repository: anyRepository, blob: anyBlob }, ({ repository, blob }) => ({
    says: `unlink ${nameOf(blob.digest)} from ${repository}`,
    perform: (run) => unlink(run, repository, blob),
  })),
]

export function pushBlob(run: Run, repository: RepositoryName, blob: Sample): Promise<Outcome<void>> {
  const { digest } = blob
  return run.act({
    says: `pushed ${nameOf(digest)} to ${repository}`,
    call: (client) => client.pushBlob(repository, blob),
    effect: (model) => model.promise(repository, digest, run.world.times.lease),
  })
}

/** What a client does before it uploads. True where the repository has the blob: then it will not be uploaded. */
export async function askForBlob(run: Run, repository: RepositoryName, { digest }: Sample): Promise<boolean> {
  const { model } = run
  const asked = await run.act({
    says: `${repository} has ${nameOf(digest)}`,
    call: (client) => client.askForBlob(repository, digest),
    effect: (after) => after.promise(repository, digest, run.world.times.lease / 2),
    ...(model.mayShow(repository, digest) ? {} : { mustFail: ['BLOB_UNKNOWN'] }),
    ...(model.mustShow(repository, digest) ? {} : { mayFail: ['BLOB_UNKNOWN'] }),
  })
  return asked.kind === 'done'
}

export interface Mount {
  readonly from: RepositoryName
  readonly to: RepositoryName
  readonly blob: Sample
}

/** False where it must be uploaded. */
export async function mount(run: Run, { from, to, blob: { digest } }: Mount): Promise<boolean> {
  const may = run.model.mayShow(from, digest)
  const must = run.model.mustShow(from, digest)
  const mounted = await run.act({
    says: `mounted ${nameOf(digest)} from ${from} in ${to}`,
    async call(client) {
      const isMounted = await client.mountBlob({ from, to, digest })
      if (isMounted ? !may : must) throw new Error(`a mount was ${isMounted ? 'done' : 'not done'}`)
      return isMounted
    },
    effect: (model, isMounted) => {
      if (isMounted ?? true) model.promise(to, digest, run.world.times.lease)
    },
  })
  return mounted.kind === 'done' && mounted.result
}

async function unlink(run: Run, repository: RepositoryName, { digest }: Sample): Promise<void> {
  const { model } = run
  await run.act({
    says: `unlinked ${nameOf(digest)} from ${repository}`,
    call: (client) => client.unlinkBlob(repository, digest),
    effect: (after) => void after.in(repository).links.delete(digest),
    ...(model.mayShow(repository, digest) ? {} : { mustFail: ['BLOB_UNKNOWN'] }),
    ...(model.mustShow(repository, digest) ? {} : { mayFail: ['BLOB_UNKNOWN'] }),
  })
}
