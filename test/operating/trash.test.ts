/**
 * `berth trash`, `berth tag` and `berth repository`, of a server that runs and of a folder: what was deleted over the
 * API of registries, or by the owner, comes back in one call, and clients pull it.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { type CommandResult, tryCommand } from '../tools/command.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-trash-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function tryBerth(data: string, ...args: string[]): Promise<CommandResult> {
  const [program = '', ...own] = FROM_SOURCE
  return tryCommand(program, [...own, ...args, '--data', data])
}

async function berth(data: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await tryBerth(data, ...args)
  if (exitCode !== 0) throw new Error(stderr)
  return stdout
}

async function asJson(data: string, ...args: string[]) {
  return JSON.parse(await berth(data, ...args, '--format', 'json'))
}

function ask(url: string, method: string, path: string): Promise<Response> {
  return fetch(`${url}/v2/${path}`, { method, headers: { accept: '*/*' } })
}

/** The JSON of an answer, of which a test knows what it is. */
async function bodyOf<Body>(answer: Promise<Response>): Promise<Body> {
  return (await (await answer).json()) as Body
}

async function catalogOf(url: string): Promise<readonly string[]> {
  const { repositories } = await bodyOf<{ repositories: string[] }>(ask(url, 'GET', '_catalog'))
  return repositories
}

async function digestOf(url: string, image: string, tag: string): Promise<string> {
  return (await ask(url, 'HEAD', `${image}/manifests/${tag}`)).headers.get('docker-content-digest') ?? 'none'
}

test('a deleted image comes back from the trash, by the server and by the folder itself', async () => {
  const data = join(scratch, 'images')
  let id = 0
  {
    await using server = await startBerth({ data })
    await pushImage(server.url, 'team/app', '1.0', smallImage('one'))
    const digest = await digestOf(server.url, 'team/app', '1.0')
    for (let time = 0; time < 2; time++) {
      expect((await ask(server.url, 'DELETE', `team/app/manifests/${digest}`)).status).toBe(202)
      const { entries } = await asJson(data, 'trash', 'list', '--repository', 'team/app')
      id = entries[0].id
      expect(entries[0]).toMatchObject({ what: 'manifest', counts: { manifests: 1, tags: 1 } })
      if (time === 1) break
      expect(await berth(data, 'trash', 'restore', String(id))).toBe('Restored: 1 manifests, 1 tags.\n')
      expect(await digestOf(server.url, 'team/app', '1.0')).toBe(digest)
    }
    expect(await berth(data, 'trash', 'list')).toContain('manifest of team/app: 1.0')
    await server.stop()
  }
  await berth(data, 'trash', 'restore', String(id))
  await using server = await startBerth({ data })
  expect((await ask(server.url, 'GET', 'team/app/manifests/1.0')).status).toBe(200)
  expect(await berth(data, 'trash', 'list')).toBe('The trash is empty.\n')
})

test('a deleted repository leaves the list and the folder, and comes back whole', async () => {
  const data = join(scratch, 'repositories')
  await using server = await startBerth({ data, env: { BERTH_WORKERS: '2' } })
  await pushImage(server.url, 'team/app', '1.0', smallImage('two'))
  const { trash } = await asJson(data, 'repository', 'delete', 'team/app')
  expect(await catalogOf(server.url)).toEqual([])
  expect((await ask(server.url, 'GET', 'team/app/tags/list')).status).toBe(404)
  expect(existsSync(join(data, 'docker/registry/v2/repositories/team'))).toBe(false)
  expect(await asJson(data, 'trash', 'restore', String(trash))).toMatchObject({ isWhole: true, tags: 1 })
  expect(await catalogOf(server.url)).toEqual(['team/app'])
  const manifest = ask(server.url, 'GET', 'team/app/manifests/1.0')
  for (const { digest } of (await bodyOf<{ layers: { digest: string }[] }>(manifest)).layers) {
    expect((await ask(server.url, 'GET', `team/app/blobs/${digest}`)).status).toBe(200)
  }
})

test('a tag goes back to what it named before', async () => {
  const data = join(scratch, 'tags')
  await using server = await startBerth({ data })
  await pushImage(server.url, 'team/app', '1.0', smallImage('older'))
  const older = await digestOf(server.url, 'team/app', '1.0')
  await pushImage(server.url, 'team/app', '1.0', smallImage('newer'))
  const { positions } = await asJson(data, 'tag', 'history', 'team/app:1.0')
  expect(positions).toMatchObject([{ position: 0 }, { position: 1, digest: older, manifest: 'here' }])
  expect(await berth(data, 'tag', 'history', 'team/app:1.0')).toContain(`1  ${older}`)
  expect(await berth(data, 'tag', 'restore', 'team/app:1.0', '--to', '1')).toBe(
    `team/app:1.0 names ${older} again.\n`,
  )
  expect(await digestOf(server.url, 'team/app', '1.0')).toBe(older)
})

test('a restoration that leaves something out says what, and is no success to scripts', async () => {
  const data = join(scratch, 'occupied')
  await using server = await startBerth({ data })
  await pushImage(server.url, 'team/app', '1.0', smallImage('deleted'))
  const digest = await digestOf(server.url, 'team/app', '1.0')
  await ask(server.url, 'DELETE', `team/app/manifests/${digest}`)
  await pushImage(server.url, 'team/app', '1.0', smallImage('instead'))
  const { entries } = await asJson(data, 'trash', 'list')
  const { stdout, exitCode } = await tryBerth(data, 'trash', 'restore', String(entries[0].id))
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining('Left alone: the tag 1.0 names')])
})

test('the trash is emptied by hand only where it is said what of it, and by the clock when its time is over', async () => {
  const data = join(scratch, 'emptied')
  const env = { BERTH_TRASH_KEEP: '2s' }
  await using server = await startBerth({ data, env })
  const remove = async () => {
    await pushImage(server.url, 'team/app', '1.0', smallImage('gone'))
    const digest = await digestOf(server.url, 'team/app', '1.0')
    await ask(server.url, 'DELETE', `team/app/manifests/${digest}`)
  }
  await remove()
  expect((await tryBerth(data, 'trash', 'empty')).stderr).toContain('--id NUMBER, --repository NAME or --all')
  expect(await berth(data, 'trash', 'empty', '--all')).toContain('Gone for good: ')
  await remove()
  await until('the clock has emptied the trash', async () => {
    return (await berth(data, 'trash', 'list')) === 'The trash is empty.\n'
  })
  const unknown = await tryBerth(data, 'trash', 'restore', '999')
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('no deletion 999')])
})

test('an image without a tag goes into the trash where a rule says so, and comes back from it', async () => {
  const data = join(scratch, 'untagged')
  await using server = await startBerth({
    data,
    env: { BERTH_UNSAFESHORTGRACE: 'true', BERTH_COLLECTION_UNTAGGED_DELETEAFTER: '2s' },
  })
  await pushImage(server.url, 'team/app', 'kept', smallImage('kept'))
  const image = smallImage('untagged')
  await pushImage(server.url, 'team/app', null, image)
  await until('the rule has taken it', async () => {
    return (await ask(server.url, 'HEAD', `team/app/manifests/${image.root.digest}`)).status === 404
  })
  expect((await ask(server.url, 'HEAD', 'team/app/manifests/kept')).status).toBe(200)
  const { entries } = await asJson(data, 'trash', 'list')
  expect(entries).toMatchObject([
    { deletedBy: 'the rule for untagged images', someManifests: [image.root.digest] },
  ])
  await berth(data, 'trash', 'restore', String(entries[0].id))
  expect((await ask(server.url, 'HEAD', `team/app/manifests/${image.root.digest}`)).status).toBe(200)
})
