/** A single file mounted into another place, as `docker run -v $PWD/htpasswd:/auth/htpasswd` does: whoever writes it, the registry sees it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE } from '../berth-server.ts'
import { command } from '../tools/command.ts'
import { describeUnless } from '../tools/describe-with.ts'
import { obstacleOf } from '../tools/find-tool.ts'
import { type GuardedBerth, startGuardedBerth } from './guarded-berth.ts'

setDefaultTimeout(30_000)

const [program = '', ...source] = FROM_SOURCE
const obstacles = [
  process.getuid?.() === 0 ? null : 'needs root to mount',
  process.platform === 'linux' ? null : 'needs Linux',
  obstacleOf('htpasswd'),
].filter((each) => each !== null)

describeUnless('an htpasswd file that is mounted alone', obstacles, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'bm-'))
  const [outside, inside] = [join(scratch, 'outside'), join(scratch, 'inside')]
  let berth: GuardedBerth

  beforeAll(async () => {
    for (const path of [outside, inside]) writeFileSync(path, '')
    await command('mount', ['--bind', outside, inside])
    berth = await startGuardedBerth({ kind: 'htpasswd', realm: 'x', path: inside })
  })
  afterAll(async () => {
    await berth?.[Symbol.asyncDispose]()
    await command('umount', [inside])
    rmSync(scratch, { recursive: true, force: true })
  })

  async function status(credentials: string): Promise<number> {
    const headers = { authorization: `Basic ${btoa(credentials)}` }
    return (await fetch(`${berth.url}/v2/`, { headers })).status
  }

  const berthHtpasswd = (path: string, user: string, password: string) =>
    command(program, [...source, 'htpasswd', path, user], { stdin: password })

  test('shows what Apache’s htpasswd writes outside', async () => {
    await command('htpasswd', ['-b', '-B', outside, 'alice', 'one'])
    expect(await status('alice:one')).toBe(200)
    await command('htpasswd', ['-b', '-B', outside, 'alice', 'two'])
    expect([await status('alice:one'), await status('alice:two')]).toEqual([401, 200])
  })

  test('shows what berth htpasswd writes outside, and inside, where it cannot be replaced', async () => {
    await berthHtpasswd(outside, 'bob', 'one')
    expect(await status('bob:one')).toBe(200)
    await berthHtpasswd(inside, 'bob', 'two')
    expect([await status('bob:one'), await status('bob:two'), await status('alice:two')]).toEqual([
      401, 200, 200,
    ])
  })
})
