/** Blobs: pushed whole, asked for before a push, mounted from another repository, unlinked. */

import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import { getBlob, mountBlob, unlinkBlob } from '../../../src/registry/blobs.ts'
import { putBlob } from '../../../src/registry/uploads.ts'
import { bodyOf, type Sample } from '../../sample-content.ts'
import { HOUR, MINUTE } from '../clock.ts'
import type { Outcome, Run } from '../run.ts'
import { nameOf } from '../stock.ts'
import { anyBlob, anyRepository } from './choices.ts'
import { steps, type WeightedSteps } from './step.ts'

export const PUSHER = 'ann'
const scope = { kind: 'everything' } as const

/** How long content that was pushed or mounted is left alone. */
export const LEASE = HOUR
/** A HEAD need not renew what lasts for so long. */
const HALF_LEASE = 30 * MINUTE

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

export function pushBlob(
  run: Run,
  repository: RepositoryName,
  { digest, bytes }: Sample,
): Promise<Outcome<void>> {
  return run.act({
    says: `pushed ${nameOf(digest)} to ${repository}`,
    call: (registry) =>
      putBlob(registry, { repository, principal: PUSHER, digest, body: bodyOf(bytes), range: null }),
    effect: (model) => model.promise(repository, digest, LEASE),
  })
}

/** What a client does before it uploads. True where the repository has the blob: then it will not be uploaded. */
export async function askForBlob(run: Run, repository: RepositoryName, { digest }: Sample): Promise<boolean> {
  const { model } = run
  const asked = await run.act({
    says: `${repository} has ${nameOf(digest)}`,
    call: (registry) => getBlob(registry, repository, digest),
    effect: (after) => after.promise(repository, digest, HALF_LEASE),
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
    async call(registry) {
      const isMounted = await mountBlob(registry, { repository: to, digest, from, scope, by: PUSHER })
      if (isMounted ? !may : must) throw new Error(`a mount was ${isMounted ? 'done' : 'not done'}`)
      return isMounted
    },
    effect: (model, isMounted) => {
      if (isMounted ?? true) model.promise(to, digest, LEASE)
    },
  })
  return mounted.kind === 'done' && mounted.result
}

async function unlink(run: Run, repository: RepositoryName, { digest }: Sample): Promise<void> {
  const { model } = run
  await run.act({
    says: `unlinked ${nameOf(digest)} from ${repository}`,
    call: (registry) => unlinkBlob(registry, { repository, digest, by: PUSHER }),
    effect: (after) => void after.in(repository).links.delete(digest),
    ...(model.mayShow(repository, digest) ? {} : { mustFail: ['BLOB_UNKNOWN'] }),
    ...(model.mustShow(repository, digest) ? {} : { mayFail: ['BLOB_UNKNOWN'] }),
  })
}
