/**
 * How a command of the owner finds its registry: the server that runs, with one process or with several, or, where none
 * runs, the folder itself.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, FROM_SOURCE, startBerth } from '../berth-server.ts'
import { startPostgres } from '../postgres-server.ts'
import { type CommandResult, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(30_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-owner-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function status(data: string, flags: readonly string[] = [], env = {}): Promise<CommandResult> {
  const [program = '', ...args] = FROM_SOURCE
  return tryCommand(program, [...args, 'gc', 'status', '--data', data, ...flags], { env })
}

async function jsonStatus(data: string, env = {}): Promise<Record<string, unknown>> {
  const { stdout, stderr, exitCode } = await status(data, ['--format', 'json'], env)
  if (exitCode !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

/** By a server, what holds collection up ends when it has gone through the folder. */
async function expectAnswer(berth: BerthServer, env = {}): Promise<void> {
  await until('the server collects', async () => (await jsonStatus(berth.data, env))['heldBy'] === null)
  expect(await jsonStatus(berth.data, env)).toMatchObject({
    reviews: { waiting: 0, due: 0, nextDueAt: null },
    condemned: { blobs: 0, bytes: 0 },
    jobs: expect.arrayContaining([
      expect.objectContaining({ name: 'uploads', failures: 0, lastError: null }),
    ]),
  })
}

test.each(['1', '2'])('a server with %s workers answers', async (workers) => {
  await using berth = await startBerth({ env: { BERTH_WORKERS: workers } })
  await expectAnswer(berth)
})

test('without a server the command looks for itself, and the next server starts as ever', async () => {
  const data = join(scratch, 'stopped')
  {
    await using berth = await startBerth({ data })
    await berth.stop()
  }
  expect((await status(data)).stdout).toContain('No server runs on this folder')
  await using berth = await startBerth({ data })
  await expectAnswer(berth)
})

test('where there has never been a server, there is nothing to tell, and nothing is made', async () => {
  const data = join(scratch, 'nothing')
  const { exitCode, stderr } = await status(data)
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`Berth has no database at ${data}`)])
  expect(existsSync(data)).toBe(false)
})

test('beside a server that does not answer, it is said who has the folder', async () => {
  await using berth = await startBerth({ data: join(scratch, 'silent') })
  rmSync(join(berth.data, 'berth/control.sock'))
  const { exitCode, stderr } = await status(berth.data)
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('Another Berth works on')])
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('a server answers, and without one the command looks for itself', async () => {
    const server = await startPostgres()
    const env = { BERTH_DATABASE_URL: await server.createDatabase() }
    const data = join(scratch, 'postgres')
    {
      await using berth = await startBerth({ data, env })
      await expectAnswer(berth, env)
      await berth.stop()
    }
    expect(await jsonStatus(data, env)).toMatchObject({ reviews: { waiting: 0 } })
    await server.stop()
  })
})
