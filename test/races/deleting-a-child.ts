/** A manifest is deleted while an index that names it is pushed. */

import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { deleteManifest } from '../../src/registry/manifests.ts'
import { pushImage, pushManifest, type Sample } from '../sample-content.ts'
import type { Race } from './race.ts'
import { expectWhole } from './soundness.ts'
import { newRaceIndex } from './stock.ts'

interface Facts {
  readonly repository: RepositoryName
  readonly index: Sample
  readonly child: Digest
}

export const deletingAChild: Race<Facts> = {
  home: { module: import.meta.path, race: 'deletingAChild' },
  async arrange({ registry, newRepository, flush }) {
    const repository = newRepository()
    const child = await pushImage(registry, repository)
    await flush()
    return { repository, index: newRaceIndex(child), child: child.digest }
  },
  parties: {
    pusher: ({ registry }, { repository, index }) => pushManifest(registry, repository, index),
    deleter: ({ registry }, { repository, child }) =>
      deleteManifest(registry, { repository, digest: child, by: 'deleter' }),
  },
  async check(table, { repository }) {
    await expectWhole(table, repository)
  },
}
