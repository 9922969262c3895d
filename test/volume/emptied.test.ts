/** A folder that somebody has emptied as one empties registry:2's, and the way on that Berth's refusal names. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { readRegistry } from '../clients/registry-contents.ts'
import { smallImage } from '../clients/sample-images.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

test('a folder without its images is refused, and serves new ones once the command of the refusal was run', async () => {
  const data = mkdtempSync(join(tmpdir(), 'emptied-test-'))
  {
    await using berth = await startBerth({ data })
    await pushImage(berth.url, 'team/app', '1', smallImage('old'))
    await berth.stop()
  }
  rmSync(join(data, 'docker'), { recursive: true })
  const refusal = await startBerth({ data }).then(
    () => '',
    (error: Error) => error.message,
  )
  expect(refusal).toContain('Is the volume mounted?')
  const remedy = /remove the database too \((rm [^)]+)\)/.exec(refusal)?.[1] ?? ''
  expect(remedy).toBe(`rm ${join(data, 'berth/berth.db')}*`)
  expect(Bun.spawnSync(['sh', '-c', remedy]).exitCode).toBe(0)
  {
    await using berth = await startBerth({ data })
    await pushImage(berth.url, 'team/new', '1', smallImage('new'))
    expect(Object.keys(await readRegistry(berth.url))).toEqual(['team/new'])
  }
  rmSync(data, { recursive: true })
})

test.each(['1', '2'])(
  'under a running Berth, it is told to be not ready, with %s workers',
  async (workers) => {
    const data = mkdtempSync(join(tmpdir(), 'emptied-test-'))
    await using berth = await startBerth({ data, env: { BERTH_WORKERS: workers } })
    const readiness = async () => (await fetch(`${berth.url}/readyz`)).status
    expect(await readiness()).toBe(200)
    for (const entry of readdirSync(data)) rmSync(join(data, entry), { recursive: true })
    expect(await readiness()).toBe(503)
    await until('the log says why', () => berth.log().includes('has been removed while Berth ran'))
    await berth.stop()
    rmSync(data, { recursive: true, force: true })
  },
)
