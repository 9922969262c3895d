/** A manifest without a tag is taken for garbage while an index that names it, and has a tag, is pushed. */
import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { takeUntaggedCommand } from '../../src/registry/gc/garbage-deletion.commands.ts'
import { getManifest } from '../../src/registry/manifests.ts'
import { pushImage, pushManifest, type Sample } from '../sample-content.ts'
import type { Race } from './race.ts'
import { expectManifests, expectWhole } from './soundness.ts'
import { newRaceIndex } from './stock.ts'

interface Facts {
  readonly repository: RepositoryName
  readonly index: Sample
  readonly child: Digest
}

export const takingAChild: Race<Facts> = {
  home: { module: import.meta.path, race: 'takingAChild' },
  // An index is taken only if what it lists is there.
  policy: {
    manifests: { allowMissingBlobs: false, indexPlatforms: 'all', foreignUrls: null, classes: null },
  },
  interruptions: { statements: 1, commands: 2 },
  async arrange({ registry, newRepository, flush, run }) {
    const repository = newRepository()
    const child = await pushImage(registry, repository)
    await run('UPDATE manifests SET created_at = 0 WHERE digest = $1', [child.digest])
    await flush()
    return { repository, index: newRaceIndex(child), child: child.digest }
  },
  parties: {
    pusher: ({ registry }, { repository, index }) => pushManifest(registry, repository, index, 'v1'),
    taker: ({ registry }, { repository, child }) =>
      registry.database.write(takeUntaggedCommand, {
        repository,
        digests: [child],
        by: 'taker',
        lease: 0,
        untaggedBefore: null,
      }),
  },
  async check(table, { repository, child }, { pusher }) {
    if (pusher?.kind === 'done')
      await getManifest(table.registry, repository, { kind: 'digest', digest: child })
    else await expectManifests(table, repository, [])
    await expectWhole(table, repository)
  },
}
