/**
 * A disk that is full to the last byte: what is on it can be deleted all the same, and collection makes room again, so
 * that nobody has to find some outside of the registry.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { content, noise } from '../clients/images.ts'
import { pushBlob, pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { mountObstacles, SmallDisk } from '../small-disk.ts'
import { describeUnless } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const SOON = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_GRACE: '1s',
  BERTH_COLLECTION_LEASE: '1s',
  BERTH_COLLECTION_CONDEMNEDFOR: '200ms',
  BERTH_COLLECTION_UNLINKAFTER: '200ms',
  REGISTRY_STORAGE_DELETE_ENABLED: 'true',
}
const PUSHED = 4_000_000
let pushes = 0

async function push({ url }: BerthServer): Promise<number> {
  const blob = content('application/octet-stream', noise(`into the full disk ${pushes++}`, PUSHED))
  const path = `/v2/other/app/blobs/uploads/?digest=${blob.digest}`
  const answer = await fetch(`${url}${path}`, { method: 'POST', body: blob.bytes })
  await answer.arrayBuffer()
  return answer.status
}

/** When the server keeps what it gives up on a full disk. */
async function untilPrepared({ data }: BerthServer): Promise<void> {
  const reserve = join(data, 'berth/reserve')
  await until('there is a reserve', () => existsSync(reserve) && statSync(reserve).size === 8 * 1024 * 1024)
}

describeUnless('on a full disk', mountObstacles(), () => {
  test.each(['1', '2'])(
    'images are deleted, and collection makes room for pushes (%s workers)',
    async (workers) => {
      using disk = new SmallDisk(64)
      await using berth = await startBerth({
        data: join(disk.path, 'data'),
        env: { ...SOON, BERTH_WORKERS: workers },
      })
      await untilPrepared(berth)
      const image = smallImage('full disk')
      await pushImage(berth.url, 'team/app', '1', image)
      await pushBlob(berth.url, 'team/app', content('application/octet-stream', noise('orphan', 20_000_000)))
      disk.fill(0)
      expect(await push(berth)).toBe(503)
      const manifest = `${berth.url}/v2/team/app/manifests/${image.root.digest}`
      await until(
        'the image is deleted',
        async () => (await fetch(manifest, { method: 'DELETE' })).status === 202,
      )
      expect((await fetch(manifest)).status).toBe(404)
      await until('a push is taken', async () => (await push(berth)) === 201, { withinMilliseconds: 30_000 })
    },
  )
})
