/**
 * A disk that rots under a registry that runs: `berth verify` and the scrubber find it, name the images, and the clients'
 * next push heals it. Its exit codes and its lines of JSON are what docs/operate/verify.md promises.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyLine } from '../../src/contract/verify.ts'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'
import { parseRepositoryName } from '../../src/oci/repository-name.ts'
import { blobDataPath, layerLinkPath, quarantinePath } from '../../src/storage/layout.ts'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { type Image, writeLayout } from '../clients/images.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startPostgres } from '../postgres-server.ts'
import { type CommandResult, command, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-verify-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function verify(data: string, ...flags: string[]): Promise<CommandResult> {
  return verifyWith({}, data, ...flags)
}

function verifyWith(env: Record<string, string>, data: string, ...flags: string[]): Promise<CommandResult> {
  const [program = '', ...args] = FROM_SOURCE
  return tryCommand(program, [...args, 'verify', '--data', data, ...flags], { env })
}

/** A server that has just started goes through the folder first. */
async function verifyOnceKnown(data: string, ...flags: string[]): Promise<CommandResult> {
  await until('it has gone through the folder', async () => (await verify(data)).exitCode !== 5)
  return await verify(data, ...flags)
}

function layerOf({ blobs }: Image): Digest {
  return parseDigest(blobs.at(-1)?.digest ?? '')
}

function flip(data: string, digest: Digest): void {
  const file = openSync(join(data, blobDataPath(digest)), 'r+')
  const byte = new Uint8Array(1)
  readSync(file, byte, 0, 1, 0)
  writeSync(file, new Uint8Array([(byte[0] ?? 0) ^ 1]), 0, 1, 0)
  closeSync(file)
}

test.each(['1', '2'])(
  'a server with %s workers tells what is damaged, sets it aside, and is healed',
  async (workers) => {
    await using berth = await startBerth({ env: { BERTH_WORKERS: workers } })
    const image = smallImage(`rotten-${workers}`)
    await pushImage(berth.url, 'team/app', 'v1', image)
    await pushImage(berth.url, 'team/other', 'v2', image)
    const well = await verifyOnceKnown(berth.data, '--deep')
    expect([well.exitCode, well.stderr]).toEqual([0, ''])
    expect(well.stdout).toContain('All is well.')

    const layer = layerOf(image)
    flip(berth.data, layer)
    expect((await verify(berth.data)).exitCode).toBe(0)
    const damaged = await verify(berth.data, '--deep', '--format', 'json')
    expect(damaged.exitCode).toBe(6)
    const lines = damaged.stdout
      .trimEnd()
      .split('\n')
      .map((line) => verifyLine.parse(JSON.parse(line)))
    expect(lines).toMatchObject([
      {
        finding: {
          kind: 'blob has wrong bytes',
          digest: layer,
          images: [
            { repository: 'team/app', tags: ['v1'] },
            { repository: 'team/other', tags: ['v2'] },
          ],
        },
      },
      { report: { outcome: 'damaged', damaged: 1, mended: 0, unreadable: 0 } },
    ])

    const repaired = await verify(berth.data, '--deep', '--repair', '--rate', '100MB')
    expect(repaired.exitCode).toBe(6)
    expect(repaired.stdout).toContain('images: team/app:v1, team/other:v2')
    expect(existsSync(join(berth.data, quarantinePath(layer)))).toBe(true)
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(`${berth.url}/v2/team/app/blobs/${layer}`, { method })
      expect(answer.status).toBe(404)
      if (method === 'GET') expect(await answer.text()).toContain('found to be damaged')
    }
    const mount = `${berth.url}/v2/team/new/blobs/uploads/?mount=${layer}&from=team/app`
    expect((await fetch(mount, { method: 'POST' })).status).toBe(202)

    await pushImage(berth.url, 'team/app', 'v1', image)
    expect((await fetch(`${berth.url}/v2/team/other/blobs/${layer}`)).status).toBe(200)
    expect((await verify(berth.data, '--deep')).exitCode).toBe(0)
  },
)

test('without a server the folder itself is looked at, and what is missing is written again', async () => {
  const data = join(scratch, 'stopped')
  const image = smallImage('stopped')
  {
    await using berth = await startBerth({ data })
    await pushImage(berth.url, 'team/app', 'v1', image)
    await berth.stop()
  }
  expect((await verify(data, '--deep')).exitCode).toBe(0)
  const manifest = join(data, blobDataPath(parseDigest(image.root.digest)))
  const bytes = readFileSync(manifest)
  writeSync(openSync(manifest, 'r+'), 'x')
  const told = await verify(data, '--deep')
  expect(told.stdout).toContain(`damage: The file of the manifest ${image.root.digest}`)
  const mended = await verify(data, '--deep', '--repair')
  expect([mended.exitCode, mended.stderr]).toEqual([0, ''])
  expect(mended.stdout).toContain(`mended: The file of the manifest ${image.root.digest}`)
  expect(readFileSync(manifest)).toEqual(bytes)
  expect((await verify(data, '--deep')).exitCode).toBe(0)
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('the server that runs, and without one the folder, is verified', async () => {
    const server = await startPostgres()
    const env = { BERTH_DATABASE_URL: await server.createDatabase() }
    const data = join(scratch, 'postgres')
    const image = smallImage('postgres')
    const outcome = async (...flags: string[]) => (await verifyWith(env, data, ...flags)).exitCode
    {
      await using berth = await startBerth({ data, env })
      await pushImage(berth.url, 'team/app', 'v1', image)
      await until('it has gone through the folder', async () => (await outcome()) === 0)
      await berth.stop()
    }
    flip(data, layerOf(image))
    expect(await outcome('--deep', '--repair')).toBe(6)
    {
      await using berth = await startBerth({ data, env })
      await pushImage(berth.url, 'team/app', 'v1', image)
      await until('it has gone through the folder', async () => (await outcome('--deep')) === 0)
    }
    await server.stop()
  })
})

test('in read-only mode nothing is repaired', async () => {
  await using berth = await startBerth({ env: { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' } })
  const { exitCode, stderr } = await verify(berth.data, '--repair')
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('read-only mode')])
})

test('a rate that is none is refused, with what to write', async () => {
  const { exitCode, stderr } = await verify(scratch, '--rate', 'fast')
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('such as 64MB')])
})

test('the scrubber finds what rots, says so in the log and the metrics, and goes on after a push', async () => {
  const env = { BERTH_SCRUB_EVERY: '1s', BERTH_SCRUB_RATE: '100MB', REGISTRY_LOG_FORMATTER: 'json' }
  await using berth = await startBerth({ env })
  const image = smallImage('scrubbed')
  await pushImage(berth.url, 'team/app', 'v1', image)
  const layer = layerOf(image)
  flip(berth.data, layer)
  const isTold = () => berth.log().includes('a stored blob is damaged')
  await until('the scrubber has found it', isTold, { withinMilliseconds: 30_000 })
  const [line] = berth
    .log()
    .split('\n')
    .filter((each) => each.includes('a stored blob is damaged'))
  expect(JSON.parse(line ?? '')).toMatchObject({ digest: layer, images: ['team/app:v1'] })
  expect((await fetch(`${berth.url}/v2/team/app/blobs/${layer}`)).status).toBe(404)
  await pushImage(berth.url, 'team/app', 'v1', image)
  expect((await fetch(`${berth.url}/v2/team/app/blobs/${layer}`)).status).toBe(200)
})

describeWith('clients', ['crane', 'skopeo'], ({ crane, skopeo }) => {
  test('are told at a pull what is wrong, and heal it with a push', async () => {
    await using berth = await startBerth()
    const image = smallImage('crane')
    const layout = writeLayout(mkdtempSync(join(scratch, 'layout-')), image, 'latest')
    const name = `${berth.host}/team/app:v1`
    await command(crane, ['push', layout, name])
    flip(berth.data, layerOf(image))
    expect((await verifyOnceKnown(berth.data, '--deep', '--repair')).exitCode).toBe(6)
    const pull = () =>
      tryCommand(crane, ['pull', '--format=oci', name, mkdtempSync(join(scratch, 'pulled-'))])
    const refused = await pull()
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stderr).toContain('found to be damaged')
    expect(refused.stderr).toContain('Push it again to repair it.')
    // crane itself only looks whether the manifest is there, and then pushes nothing.
    await command(skopeo, ['copy', '--dest-tls-verify=false', `oci:${layout}:latest`, `docker://${name}`])
    expect((await pull()).exitCode).toBe(0)
    expect((await verify(berth.data, '--deep')).exitCode).toBe(0)
  })
})

test('what another user keeps for himself is told as not looked at', async () => {
  const data = join(scratch, 'forbidden')
  const image = smallImage('forbidden')
  await using berth = await startBerth({ data })
  await pushImage(berth.url, 'team/app', 'v1', image)
  await verifyOnceKnown(data)
  const link = join(data, layerLinkPath(parseRepositoryName('team/app'), layerOf(image)))
  // Root reads what it may not: a folder in the place of a file is an error to everybody.
  rmSync(link)
  await Bun.write(join(link, 'in', 'the', 'way'), '')
  chmodSync(link, 0o700)
  const { exitCode, stdout } = await verify(data, '--repair')
  expect([exitCode, stdout]).toEqual([5, expect.stringContaining('unreadable: ')])
})
