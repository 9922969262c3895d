/** A manifest is pushed while a blob of it is taken for unreferenced. */
import { command } from '../../src/metadata/database.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { CONFIG, newBlob, newImage, pushBlob, pushManifest, type Sample } from '../sample-content.ts'
import type { Race } from './race.ts'

interface Facts {
  readonly repository: RepositoryName
  readonly image: Sample
  readonly layer: Digest
}

/** The plain conditional statement that decides by another table's rows alone. */
const deleteWhereUnreferenced = command('race.naive-delete', (tx, input: { readonly digest: Digest }) =>
  tx.run(
    `DELETE FROM blobs WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM manifest_blobs WHERE digest = $1)`,
    [input.digest],
  ),
)

export const naiveCondemning: Race<Facts> = {
  home: { module: import.meta.path, race: 'naiveCondemning' },
  async arrange({ registry, newRepository, flush }) {
    const repository = newRepository()
    const config = await pushBlob(registry, repository, newBlob(CONFIG))
    await flush()
    return { repository, image: newImage({ config }), layer: config.digest }
  },
  parties: {
    pusher: ({ registry }, { repository, image }) => pushManifest(registry, repository, image),
    collector: ({ registry }, { layer }) =>
      registry.database.write(deleteWhereUnreferenced, { digest: layer }),
  },
  async check({ rows }, { layer }, { pusher }) {
    const [found] = await rows('SELECT 1 FROM blobs WHERE digest = $1', [layer])
    if (pusher?.kind === 'done' && found === undefined) throw new Error('a referenced blob is lost')
  },
}
