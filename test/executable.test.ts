/** The one executable that `npm run build` makes: it needs nothing beside itself. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import packageFile from '../package.json'
import { importBerthImage, refusalInContainer, startBerthContainer } from './berth-container.ts'
import { type BerthOptions, fetchOptions, launchBerth, startBerth } from './berth-server.ts'
import { type DockerEngine, startDockerEngine } from './clients/docker-engine.ts'
import { buildImage, buildIndex, content, noise } from './clients/images.ts'
import { pushImage } from './clients/push.ts'
import { expectServed } from './clients/registry-contents.ts'
import { expectOthersGoOn } from './fault/slow-disk.ts'
import { describeWith } from './tools/describe-with.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-executable-'))
const executable = join(folder, 'berth')
const empty = join(folder, 'empty')

beforeAll(() => {
  mkdirSync(empty)
  const build = Bun.spawnSync([
    process.execPath,
    join(import.meta.dir, '../scripts/build.ts'),
    '--outfile',
    executable,
  ])
  if (!build.success) throw new Error(`the build failed:\n${build.stderr}`)
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a command of the executable in an empty folder, with an empty environment. */
function run(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([executable, ...args], { cwd: empty, env: {} })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** Serves with the executable alone: no variable, no PATH, no file beside it. */
function serve(options: BerthOptions = {}) {
  return startBerth({ program: [executable], isolated: true, ...options })
}

const image = buildIndex(
  new Map(
    ['amd64', 'arm64'].map((architecture) => {
      const files = new Map([['data.bin', noise(`executable ${architecture}`, 2_000_000)]])
      return [architecture, buildImage([{ files, compression: 'gzip' }], architecture)]
    }),
  ),
)

test('an image that is pushed to it comes back byte for byte, also after a restart', async () => {
  const data = join(folder, 'data')
  await using first = await serve({ data })
  await pushImage(first.url, 'team/app', '1.0', image)
  await expectServed(first.url, 'team/app', '1.0', image)
  expect((await first.stop()).code).toBe(0)
  await using second = await serve({ data })
  await expectServed(second.url, 'team/app', '1.0', image)
  expect((await second.stop()).code).toBe(0)
})

test('it starts further processes of itself for several workers', async () => {
  await using berth = await serve({ env: { BERTH_WORKERS: '2' } })
  expect(berth.processes()).toHaveLength(4)
  await pushImage(berth.url, 'team/app', '1.0', image)
  await expectServed(berth.url, 'team/app', '1.0', image)
  expect((await berth.stop()).code).toBe(0)
  expect(berth.processes()).toEqual([])
})

test('it makes a certificate for this machine, and knows the certificates of token servers', async () => {
  const data = join(folder, 'secured')
  const tls = { authority: join(data, 'berth/tls/ca.crt') }
  await using secured = await serve({ data, tls, args: ['--tls', 'auto'] })
  const answer = await fetch(`${secured.url}/v2/`, fetchOptions(tls))
  expect(answer.status).toBe(200)
  const env = {
    REGISTRY_AUTH_TOKEN_REALM: 'https://tokens.example.com/',
    REGISTRY_AUTH_TOKEN_SERVICE: 'registry',
    REGISTRY_AUTH_TOKEN_ISSUER: 'tokens',
    REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: tls.authority,
  }
  await using guarded = await serve({ env })
  expect((await fetch(`${guarded.url}/v2/`)).status).toBe(401)
})

test('it pushes its demo image, and shows the files', async () => {
  await using berth = await serve()
  const { stdout, exitCode } = run('demo', '--url', berth.url, '--data', berth.data)
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`docker pull ${berth.host}/demo/hello`)
  expect(stdout).toContain('docker/registry/v2/repositories/demo/hello/_manifests/tags/latest/current/link')
  const tag = await fetch(`${berth.url}/v2/demo/hello/manifests/latest`)
  expect(stdout).toContain(tag.headers.get('docker-content-digest') ?? 'no digest')
})

test('the demo without a server says what to do', () => {
  const { stderr, exitCode } = run('demo', '--url', 'http://127.0.0.1:1')
  expect(stderr).toBe(
    'berth: Nothing answers at http://127.0.0.1:1. Start the registry in another terminal (berth serve), or name its address with --url.\n',
  )
  expect(exitCode).toBe(5)
})

test('help comes with examples first, also when nothing is asked for', () => {
  const help = run('--help')
  expect(help).toEqual({ exitCode: 0, stderr: '', stdout: expect.stringContaining('berth serve ') })
  expect(help.stdout.indexOf('Examples:')).toBeLessThan(help.stdout.indexOf('Usage:'))
  expect(help.stdout).not.toMatch(/^ {2}(worker|writer)\b/m)
  expect(run()).toEqual(help)
  const serveHelp = run('serve', '--help').stdout
  expect(serveHelp.indexOf('berth serve --data /srv/registry')).toBeLessThan(serveHelp.indexOf('Usage:'))
})

test('it tells its version', () => {
  expect(run('version').stdout).toStartWith(`berth ${packageFile.version}\n`)
  expect(run('version').stdout).toContain(`bun ${Bun.version}\n`)
  expect(run('-v')).toEqual(run('--version'))
  expect(run('-v').stdout).toBe(`berth ${packageFile.version}\n`)
})

test('a command that does not exist is refused, with the one that was meant', () => {
  const { stderr, exitCode } = run('serv')
  expect(stderr).toContain('Did you mean serve?')
  expect(exitCode).toBe(2)
})

describeWith('on a disk whose fsyncs hang (strace)', ['strace'], ({ strace }) => {
  test('it holds up nobody but those who wait for them', async () => {
    await using berth = await serve()
    await expectOthersGoOn(strace, berth, [berth.pid])
  })
})

describeWith('in containers', ['docker', 'dockerd', 'containerd', 'runc'], (programs) => {
  const short = mkdtempSync(join(tmpdir(), 'bx-'))
  let engine: DockerEngine

  beforeAll(async () => {
    const engineFolder = join(short, 'd')
    mkdirSync(engineFolder)
    engine = await startDockerEngine(programs, engineFolder)
    await importBerthImage(engine, executable, short)
  }, 60_000)
  afterAll(async () => {
    await engine[Symbol.asyncDispose]()
    rmSync(short, { recursive: true, force: true })
  })

  function newPlan() {
    return { data: mkdtempSync(join(folder, 'shared-')), sockets: mkdtempSync(join(short, 's-')) }
  }

  const inUse = (place: string, holder: string) =>
    new RegExp(
      `^berth: Another Berth works on ${place}/berth \\(process ${holder}, since [^)]+\\). Stop that one, or give`,
      'm',
    )

  test('it refuses a folder that one in another container works on, until that is gone, however it ends', async () => {
    const plan = newPlan()
    await using first = await startBerthContainer(engine, plan)
    const blob = content('application/octet-stream', noise('container', 100_000))
    const pushed = await first.fetch(`/v2/team/app/blobs/uploads/?digest=${blob.digest}`, {
      method: 'POST',
      body: blob.bytes,
    })
    expect(pushed.status).toBe(201)
    const other = await refusalInContainer(engine, plan)
    expect(other).toEqual({
      code: 1,
      log: expect.stringMatching(inUse('/data', `1 on ${first.hostname}`)),
    })
    await using outside = await launchBerth({ data: plan.data, program: [executable] })
    expect(await outside.exited).toBe(1)
    expect(outside.log()).toMatch(inUse(plan.data, `1 on ${first.hostname}`))
    expect((await first.fetch('/readyz')).status).toBe(200)
    await first.kill()
    await using next = await serve({ data: plan.data })
    const pulled = await fetch(`${next.url}/v2/team/app/blobs/${blob.digest}`)
    expect(Buffer.from(await pulled.bytes()).equals(blob.bytes)).toBe(true)
  }, 60_000)

  test('it refuses a folder that one outside works on, and ends with 0 when it is stopped', async () => {
    const plan = newPlan()
    const outside = await serve({ data: plan.data })
    const refused = await refusalInContainer(engine, plan)
    expect(refused).toEqual({
      code: 1,
      log: expect.stringMatching(inUse('/data', `${outside.pid} on ${hostname()}`)),
    })
    expect((await fetch(`${outside.url}/readyz`)).status).toBe(200)
    await outside.kill()
    await using inside = await startBerthContainer(engine, plan)
    expect(await inside.stop()).toBe(0)
  }, 60_000)
})

test('commands leave nothing behind where they run', () => {
  expect(readdirSync(empty)).toEqual([])
})
