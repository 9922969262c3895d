/** `berth usage` tells what images take up, and `berth explain` why a blob is here, of a server that runs and of a folder. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { failureOf } from '../registry-bench.ts'
import { tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'
import { startServer } from './running.ts'

setDefaultTimeout(30_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-usage-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function usage(data: string, ...args: string[]): Promise<string> {
  return run(data, 'usage', ...args)
}

async function run(data: string, ...args: string[]): Promise<string> {
  const [program = '', ...own] = FROM_SOURCE
  const { stdout, stderr, exitCode } = await tryCommand(program, [...own, ...args, '--data', data])
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

async function usageAsJson(data: string, ...args: string[]) {
  return JSON.parse(await usage(data, ...args, '--format', 'json'))
}

/** Bytes of all files under `blobs/`. */
function bytesOnDisk(data: string): number {
  const folder = join(data, 'docker/registry/v2/blobs')
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0)
}

test('a server tells it at once after a push, and the folder itself when it has stopped', async () => {
  const data = join(scratch, 'data')
  {
    await using berth = await startBerth({ data })
    await pushImage(berth.url, 'team/app', '1.0', smallImage('one'))
    const { stored, live } = await usageAsJson(data)
    expect([stored.bytes, live.bytes]).toEqual([bytesOnDisk(data), bytesOnDisk(data)])
    await pushImage(berth.url, 'team/app', '2.0', smallImage('two'))
    expect((await usageAsJson(data, 'team/app')).size.bytes).toBe(bytesOnDisk(data))
    await berth.stop()
  }
  expect((await usageAsJson(data)).stored.bytes).toBe(bytesOnDisk(data))
  const image = await usage(data, 'team/app:1.0')
  expect(image).toContain('what deleting it would free')
  expect(await usage(data)).toContain('Reclaimable')
  expect(await usage(data, '--largest', '5')).toMatch(/SIZE.*REPOSITORY\n.* {2}team\/app\n$/)
  expect((await failureOf(usage(data, '--largest', 'many'))).message).toContain('limit')
})

test('what is not there, and what is no image, is said in a sentence', async () => {
  const data = join(scratch, 'missing')
  await using _ = await startBerth({ data })
  const refusalOf = async (image: string) => (await failureOf(usage(data, image))).message
  expect(await refusalOf('team/none')).toContain('There is no repository team/none.')
  expect(await refusalOf('localhost:5000/team/app')).toContain("without the registry's address")
})

test.each(['explain', 'gc explain'])('berth %s says why a blob is still here', async (called) => {
  const command = called.split(' ')
  const data = join(scratch, command.join('-'))
  await using berth = await startBerth({ data })
  const image = smallImage('explained')
  await pushImage(berth.url, 'team/app', '1.0', image)
  const { digest } = image.root
  const text = await run(data, ...command, digest)
  expect(text).toContain('team/app has it as a manifest, tagged 1.0.')
  const { why, goesAt } = JSON.parse(await run(data, ...command, '--format', 'json', digest))
  expect([why.at(-1), goesAt]).toEqual(['It stays for as long as that is so.', null])
  expect((await failureOf(run(data, ...command, 'sha256:abc'))).message).toContain('is no digest')
})

test('the metrics say what is stored, by what it is for', async () => {
  await using server = await startServer()
  const image = smallImage('metrics')
  await pushImage(server.url, 'team/app', '1.0', image)
  const bytes = async (kind: string) => {
    const text = await (await fetch(`${server.debug}/metrics`)).text()
    return Number(new RegExp(`^berth_storage_bytes\\{kind="${kind}"\\} (\\d+)`, 'm').exec(text)?.[1])
  }
  await until('it is counted', async () => (await bytes('live')) > 0, { withinMilliseconds: 20_000 })
  expect(await bytes('reclaimable')).toBe(0)
})
