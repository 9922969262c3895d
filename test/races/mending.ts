/** A manifest whose bytes are damaged in the database is pushed while verification forgets them. */
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { dropPayloadCommand } from '../../src/registry/verify/repair.commands.ts'
import { pushBlob, pushManifest, type Sample } from '../sample-content.ts'
import type { Race } from './race.ts'
import { expectManifests, expectWhole } from './soundness.ts'
import { newRaceImage } from './stock.ts'

interface Facts {
  readonly repository: RepositoryName
  readonly image: Sample
}

export const pushingWhatIsForgotten: Race<Facts> = {
  home: { module: import.meta.path, race: 'pushingWhatIsForgotten' },
  async arrange({ registry, newRepository, flush, run }) {
    const repository = newRepository()
    const { image, blob } = newRaceImage()
    await pushBlob(registry, repository, blob)
    await pushManifest(registry, repository, image)
    await flush()
    const damaged = new TextEncoder().encode('damaged')
    await run('UPDATE manifest_payloads SET bytes = $2 WHERE digest = $1', [image.digest, damaged])
    return { repository, image }
  },
  parties: {
    pusher: ({ registry }, { repository, image }) => pushManifest(registry, repository, image),
    verifier: ({ registry }, { image }) =>
      registry.database.write(dropPayloadCommand, { digest: image.digest }),
  },
  async check(table, { repository, image }) {
    await expectManifests(table, repository, [image.digest])
    await expectWhole(table, repository)
  },
}
