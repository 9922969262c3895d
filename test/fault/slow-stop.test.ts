/** A stop does not wait for a disk that is busy with what others have written. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { TWO_WORKERS, writerOf } from './processes.ts'
import { slowVolumeSyncs } from './strace.ts'

setDefaultTimeout(60_000)

const INDEX = 'application/vnd.oci.image.index.v1+json'
/** Enough that the whole volume is synced at once. */
const TAGS = 40

async function pushTags(berth: BerthServer): Promise<void> {
  const pushes = Array.from({ length: TAGS }, async (_, number) => {
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [],
      annotations: { number: `${number}` },
    })
    const headers = { 'content-type': INDEX }
    const url = `${berth.url}/v2/team/app/manifests/t${number}`
    return (await fetch(url, { method: 'PUT', headers, body })).status
  })
  expect(new Set(await Promise.all(pushes))).toEqual(new Set([201]))
}

describeWith('while a sync of the volume hangs (strace)', ['strace'], ({ strace }) => {
  test.each([
    ['one process', {}, (berth: BerthServer) => berth.pid],
    ['two workers', TWO_WORKERS, writerOf],
  ] as const)(
    'a stop is quick and clean, and the next start finds everything (%s)',
    async (_, env, holderOf) => {
      await using berth = await startBerth({ env })
      await using _slow = await slowVolumeSyncs(strace, holderOf(berth), 30_000)
      await pushTags(berth)
      const { code, milliseconds } = await berth.stop()
      expect(code).toBe(0)
      expect(milliseconds).toBeLessThan(3000)
      await using next = await startBerth({ data: berth.data })
      const tags = await fetch(`${next.url}/v2/team/app/tags/list`)
      expect(((await tags.json()) as { tags: string[] }).tags).toHaveLength(TAGS)
    },
  )
})
