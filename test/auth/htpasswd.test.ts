/** Real clients, a browser's requests and curl against a Berth with an htpasswd file made by Apache's htpasswd. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type DockerEngine, startDockerEngine } from '../clients/docker-engine.ts'
import { noise, writeLayout } from '../clients/images.ts'
import { smallImage } from '../clients/sample-images.ts'
import { command, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { untilLogged } from '../until.ts'
import { type GuardedBerth, startGuardedBerth } from './guarded-berth.ts'

setDefaultTimeout(120_000)

const NAMES = ['docker', 'dockerd', 'containerd', 'runc', 'skopeo', 'crane', 'curl', 'htpasswd'] as const
const PASSWORD = 'correct: horse – 馬'

describeWith('a registry with htpasswd', NAMES, ({ docker, dockerd, skopeo, crane, curl, htpasswd }) => {
  const scratch = mkdtempSync(join(tmpdir(), 'ba-'))
  const users = join(scratch, 'htpasswd')
  let berth: GuardedBerth
  let engine: DockerEngine

  async function setPassword(user: string, password: string): Promise<void> {
    await command(htpasswd, ['-i', '-B', users, user], { stdin: password })
  }

  beforeAll(async () => {
    writeFileSync(users, '')
    await setPassword('alice', PASSWORD)
    await setPassword('bob', 'another')
    await command(htpasswd, ['-b', users, 'carol', 'old'])
    berth = await startGuardedBerth({ kind: 'htpasswd', realm: 'Registry Realm', path: users })
    const place = join(scratch, 'd')
    mkdirSync(place)
    engine = await startDockerEngine({ docker, dockerd }, place)
  })
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]()
    await berth?.[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true, force: true })
  })

  /** Each program keeps its logins where the others do not look. */
  const run = (program: string, args: string[], stdin?: string) => {
    const place = join(scratch, basename(program))
    const env = program === skopeo ? { REGISTRY_AUTH_FILE: `${place}.json` } : { DOCKER_CONFIG: place }
    return tryCommand(program, args, { env, ...(stdin === undefined ? {} : { stdin }) })
  }

  test('docker logs in, pushes and pulls; without a login it is told to', async () => {
    const name = `${berth.host}/team/app:1`
    const context = join(scratch, 'context')
    await Bun.write(join(context, 'file'), noise('auth', 100_000))
    await Bun.write(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /file\n')
    await engine.run('build', '-q', '-t', name, context)
    const refused = await engine.attempt('push', name)
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stderr).toMatch(/authentication required|no basic auth credentials/)
    const wrong = await engine.attempt('login', '-u', 'alice', '-p', 'wrong', berth.host)
    expect(wrong.stderr).toContain('401 Unauthorized')
    await engine.run('login', '-u', 'alice', '-p', PASSWORD, berth.host)
    await engine.run('push', '-q', name)
    await engine.run('rmi', '-f', name)
    await engine.run('pull', '-q', name)
    await engine.run('logout', berth.host)
    await engine.run('rmi', '-f', name)
    expect((await engine.attempt('pull', name)).exitCode).not.toBe(0)
  })

  test('skopeo logs in, copies, lists and deletes', async () => {
    const layout = join(scratch, 'layout')
    writeLayout(layout, smallImage('skopeo auth'), 'it')
    const target = `docker://${berth.host}/skopeo/app:1`
    const copy = ['--insecure-policy', 'copy', '--dest-tls-verify=false', `oci:${layout}:it`, target]
    expect((await run(skopeo, copy)).stderr).toMatch(/authentication required|unauthorized/)
    const login = ['login', '--tls-verify=false', '-u', 'alice', '--password-stdin', berth.host]
    expect((await run(skopeo, login, PASSWORD)).stderr).toBe('')
    expect((await run(skopeo, copy)).exitCode).toBe(0)
    const tags = await run(skopeo, ['list-tags', '--tls-verify=false', target.replace(/:1$/, '')])
    expect(tags.stdout).toContain('"1"')
    expect((await run(skopeo, ['delete', '--tls-verify=false', target])).exitCode).toBe(0)
  })

  test('crane logs in, pushes, copies between repositories and reads the catalogue', async () => {
    const layout = join(scratch, 'layout2')
    writeLayout(layout, smallImage('crane auth'), 'latest')
    expect((await run(crane, ['push', layout, `${berth.host}/crane/app:1`])).stderr).toContain(
      '401 Unauthorized',
    )
    const login = ['auth', 'login', berth.host, '-u', 'bob', '--password-stdin']
    expect((await run(crane, login, 'another')).exitCode).toBe(0)
    expect((await run(crane, ['push', layout, `${berth.host}/crane/app:1`])).exitCode).toBe(0)
    const [from, to] = [`${berth.host}/crane/app:1`, `${berth.host}/crane/copy:1`]
    expect((await run(crane, ['copy', from, to])).exitCode).toBe(0)
    expect((await run(crane, ['catalog', berth.host])).stdout).toContain('crane/copy')
  })

  test.each(['/v2', '/v2/'])(
    'a browser at %s asks for the name and the password, and gets in',
    async (path) => {
      const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'user-agent': 'Mozilla/5.0' }
      const asked = await fetch(berth.url + path, { headers, redirect: 'manual' })
      expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([
        401,
        'Basic realm="Registry Realm"',
      ])
      const authorization = `Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`
      const answer = await fetch(berth.url + path, {
        headers: { ...headers, authorization },
        redirect: 'manual',
      })
      expect([answer.status, await answer.json()]).toEqual([200, {}])
    },
  )

  test('curl that waits for 100 (Continue) with a large body is told 401, and so is one that does not wait', async () => {
    const file = join(scratch, 'large')
    writeFileSync(file, noise('large', 8 * 1024 * 1024))
    const url = `${berth.url}/v2/team/app/blobs/uploads/x`
    for (const expecting of ['Expect: 100-continue', 'Expect:']) {
      const given = ['-s', '-o', '-', '-w', '%{http_code}', '-X', 'PATCH', '-H', expecting, '-T', file, url]
      expect((await run(curl, given)).stdout).toMatch(/"UNAUTHORIZED".*401$/s)
    }
  })

  test('a user whom htpasswd removes is out at once; who stays is in', async () => {
    const get = (user: string, password: string) =>
      run(curl, [
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-u',
        `${user}:${password}`,
        `${berth.url}/v2/`,
      ])
    await setPassword('dave', 'pass')
    expect((await get('dave', 'pass')).stdout).toBe('200')
    await command(htpasswd, ['-D', users, 'dave'])
    expect((await get('dave', 'pass')).stdout).toBe('401')
    expect((await get('bob', 'another')).stdout).toBe('200')
    await setPassword('bob', 'renewed')
    expect((await get('bob', 'another')).stdout).toBe('401')
    expect((await get('bob', 'renewed')).stdout).toBe('200')
  })

  test('whose password htpasswd has stored without -B is named at the start and at each login', async () => {
    const sentence = `htpasswd -B ${users} carol (or: berth htpasswd ${users} carol)`
    await untilLogged(berth, 'MD5 (apr1)')
    await untilLogged(berth, sentence)
    const before = berth.log().length
    const answer = await run(curl, ['-s', '-u', 'carol:old', `${berth.url}/v2/`])
    expect(answer.stdout).toContain('its operator finds that in the log')
    await untilLogged({ log: () => berth.log().slice(before) }, sentence)
  })

  test('a file that is not there is made, with a user docker whose password is in the log', async () => {
    const path = join(scratch, 'new/htpasswd')
    await using fresh = await startGuardedBerth({ kind: 'htpasswd', realm: 'x', path })
    const password =
      /msg="htpasswd is missing, provisioning with default user" password=(\S+) user=docker/.exec(
        fresh.log(),
      )?.[1]
    const authorization = `Basic ${btoa(`docker:${password}`)}`
    expect((await fetch(`${fresh.url}/v2/`, { headers: { authorization } })).status).toBe(200)
  })
})
