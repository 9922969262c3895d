/** Two replicas on PostgreSQL begin at once on a folder that another registry filled: they are one start, and never differ. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { deleteManifest, pushImage } from '../clients/push.ts'
import { getManifest, listRepositories, listTags } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import { makeOldVolume, type OldImage } from '../old-volume.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

describeWith('two replicas on an old folder', ['initdb', 'postgres'], () => {
  const data = mkdtempSync(join(tmpdir(), 'replicas-test-'))
  let postgres: PostgresServer
  let images: OldImage[]
  beforeAll(async () => {
    images = makeOldVolume(data, { repositories: 30, tags: 5 })
    postgres = await startPostgres()
  })
  afterAll(async () => {
    await postgres.stop()
    rmSync(data, { recursive: true })
  })

  async function expectAll(servers: readonly BerthServer[]): Promise<void> {
    for (const { repository, tag, digest } of images) {
      for (const { url } of servers) expect((await getManifest(url, repository, tag)).digest).toBe(digest)
    }
  }

  test('show all of it and what either of them is given, while one of them indexes and afterwards', async () => {
    const env = { BERTH_DATABASE_URL: await postgres.createDatabase() }
    const servers = await Promise.all([startBerth({ data, env }), startBerth({ data, env })])
    await using one = servers[0]
    await using other = servers[1]
    const { repository } = images[0] as OldImage
    const image = smallImage('of a replica')
    await pushImage(one.url, repository, 'pushed', image)
    expect((await getManifest(other.url, repository, 'pushed')).digest).toBe(image.root.digest)
    await deleteManifest(other.url, repository, 'pushed')
    expect(await listTags(one.url, repository)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
    await expectAll(servers)
    const isIndexed = ({ log }: BerthServer) => log().includes('repositories were gone through')
    await until('one of them has gone through the folder', () => servers.some(isIndexed))
    await expectAll(servers)
    const names = await listRepositories(one.url)
    expect(names).toHaveLength(30)
    expect(await listRepositories(other.url)).toEqual(names)
    expect(servers.filter(isIndexed)).toHaveLength(1)
  })
})
