/** Serving as a person starts it: the first lines, settings, stopping, and what is refused. */
import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AS_USER, type BerthServer, findFreePort, launchBerth, startBerth } from './berth-server.ts'
import { buildImage, digestOf, noise } from './clients/images.ts'
import { pushImage } from './clients/push.ts'
import { expectServed } from './clients/registry-contents.ts'
import { makeOldVolume } from './old-volume.ts'
import { until, untilLogged } from './until.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-serve-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const image = buildImage([{ files: new Map([['data.bin', noise('serve', 100_000)]]), compression: 'none' }])

/** Starts Berth where it is expected to refuse; gives its exit code and what it printed. */
async function refusal(options: Parameters<typeof launchBerth>[0]): Promise<{ code: number; log: string }> {
  await using berth = await launchBerth(options)
  await until('Berth has ended', () => berth.processes().length === 0, { withinMilliseconds: 20_000 })
  return { code: await berth.exited, log: berth.log() }
}

/** An upload whose body stops half way, until the rest is asked for. */
async function halfAnUpload(berth: BerthServer, bytes: Uint8Array) {
  const begun = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const location = new URL(begun.headers.get('location') ?? '', berth.url)
  location.searchParams.set('digest', digestOf(bytes))
  const socket = connect({ host: '127.0.0.1', port: berth.port })
  const answer = answerOf(socket)
  const path = location.href.slice(location.origin.length)
  socket.write(`PUT ${path} HTTP/1.1\r\nHost: ${berth.host}\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  socket.write(bytes.subarray(0, bytes.length / 2))
  const id = location.pathname.split('/').at(-1) ?? ''
  const file = join(berth.data, 'berth/uploads', id)
  await until('the first half is being written', () => existsSync(file))
  return { answer, sendRest: () => socket.write(bytes.subarray(bytes.length / 2)) }
}

/** Everything that comes until the server closes the connection. */
function answerOf(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
    if (text.includes('\r\n\r\n')) socket.end()
  })
  return new Promise((resolve) => {
    socket.on('close', () => resolve(text))
    socket.on('error', () => resolve(text))
  })
}

describe('starting', () => {
  test('tells registry:2’s line with the address, and that it is open to everyone', async () => {
    await using berth = await startBerth({ program: AS_USER })
    await untilLogged(
      berth,
      new RegExp(`^time="[^"]+" level=info msg="listening on 127\\.0\\.0\\.1:${berth.port}"`, 'm'),
    )
    await untilLogged(
      berth,
      'level=warning msg="open to everyone who can reach this address: anybody may pull, push, overwrite and delete, without a login"',
    )
  })

  test('answers /healthz and /readyz, and serves what is pushed', async () => {
    await using berth = await startBerth({ program: AS_USER })
    expect((await fetch(`${berth.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${berth.url}/readyz`)).status).toBe(200)
    await pushImage(berth.url, 'team/app', '1.0', image)
    await expectServed(berth.url, 'team/app', '1.0', image)
  })

  test('listens on a Unix socket', async () => {
    const socket = join(folder, 'berth.sock')
    await using berth = await launchBerth({ env: { REGISTRY_HTTP_ADDR: `unix:${socket}` } })
    const ask = () => fetch('http://berth/readyz', { unix: socket }).then((answer) => answer.status, String)
    await until('it answers', async () => (await ask()) === 200)
    await until('it says where', () => berth.log().includes(`listening on ${socket}`))
    expect((await berth.stop()).code).toBe(0)
  })

  test('keeps what was pushed over a stop and a start', async () => {
    const data = join(folder, 'kept')
    for (const round of ['first', 'second']) {
      await using berth = await startBerth({ data })
      if (round === 'first') await pushImage(berth.url, 'team/app', '1.0', image)
      await expectServed(berth.url, 'team/app', '1.0', image)
      expect((await berth.stop()).code).toBe(0)
    }
  })
})

test('the access log tells how long a body was that has been sent, and nothing where none was', async () => {
  await using berth = await startBerth({ env: { REGISTRY_LOG_LEVEL: 'debug' } })
  for (const method of ['GET', 'HEAD']) await fetch(`${berth.url}/v2/`, { method })
  const lines = () =>
    berth
      .log()
      .split('\n')
      .filter((line) => line.includes('http.request.uri=/v2/ '))
  await until('both requests are logged', () => lines().length === 2)
  const written = lines().map((line) => /http\.response\.written=(\d+)/.exec(line)?.[1])
  expect(written).toEqual(['2', '0'])
})

test('the access log calls a request whose client went away 499, as nginx does', async () => {
  await using berth = await startBerth()
  const socket = connect({ port: berth.port, host: '127.0.0.1' })
  const digest = digestOf(noise('never sent whole', 9))
  socket.write(
    `POST /v2/team/gone/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf`,
  )
  const uploads = join(berth.data, 'berth/uploads')
  await until('the body is being received', () => existsSync(uploads) && readdirSync(uploads).length > 0)
  socket.destroy()
  await until('its line is there', () => berth.log().includes(' http.response.status=499'))
})

describe('settings', () => {
  test('come from REGISTRY_* variables', async () => {
    const port = await findFreePort()
    const data = join(folder, 'elsewhere')
    await using berth = await startBerth({
      port,
      env: {
        REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
        REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: data,
        REGISTRY_STORAGE_DELETE_ENABLED: 'false',
        REGISTRY_LOG_FORMATTER: 'json',
      },
    })
    await pushImage(berth.url, 'team/app', '1.0', image)
    expect(existsSync(join(data, 'docker/registry/v2/repositories/team/app'))).toBe(true)
    const refused = await fetch(`${berth.url}/v2/team/app/manifests/1.0`, { method: 'DELETE' })
    expect(refused.status).toBe(405)
    const lines = berth.log().split('\n')
    expect(JSON.parse(lines.find((line) => line.includes('listening on')) ?? '')).toMatchObject({
      msg: `listening on 127.0.0.1:${port}`,
    })
  })

  test('come from a file in registry:2’s form, which leaves deletes off', async () => {
    const config = join(folder, 'config.yml')
    const data = join(folder, 'from-file')
    writeFileSync(config, `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${data}\n`)
    await using berth = await startBerth({ env: { REGISTRY_CONFIGURATION_PATH: config } })
    await pushImage(berth.url, 'team/app', '1.0', image)
    expect(existsSync(join(data, 'berth/berth.db'))).toBe(true)
    const refused = await fetch(`${berth.url}/v2/team/app/manifests/1.0`, { method: 'DELETE' })
    expect(refused.status).toBe(405)
  })

  test('allow deletes where nobody says otherwise', async () => {
    await using berth = await startBerth()
    await pushImage(berth.url, 'team/app', '1.0', image)
    const deleted = await fetch(`${berth.url}/v2/team/app/manifests/1.0`, { method: 'DELETE' })
    expect(deleted.status).toBe(202)
  })

  test('in memory leave nothing on disk', async () => {
    await using berth = await startBerth({ env: { REGISTRY_STORAGE: 'inmemory' } })
    await pushImage(berth.url, 'team/app', '1.0', image)
    await expectServed(berth.url, 'team/app', '1.0', image)
    expect(existsSync(berth.data)).toBe(false)
    expect((await berth.stop()).code).toBe(0)
  })

  test('that cannot be used are refused with every reason, one sentence each, and exit code 3', async () => {
    const { code, log } = await refusal({ env: { BERTH_WORKERS: 'many', REGISTRY_LOG_LEVEL: 'loud' } })
    expect(code).toBe(3)
    expect(log.trim().split('\n')).toEqual([
      expect.stringContaining('REGISTRY_LOG_LEVEL is "loud": write error, warn, info or debug.'),
      expect.stringContaining('BERTH_WORKERS is "many": write a number from 1 to 256, or auto'),
    ])
  })

  test('with a slip in their name are warned about', async () => {
    await using berth = await startBerth({
      env: { REGISTRY_HTTP_ADRR: ':1', REGISTRY_SERVICE_HOST: '10.0.0.1' },
    })
    await untilLogged(berth, 'Did you mean REGISTRY_HTTP_ADDR?')
    expect(berth.log()).not.toContain('REGISTRY_SERVICE_HOST')
  })
})

describe('refusing to start', () => {
  test('a taken port is named with its holder, and a free one is offered', async () => {
    await using first = await startBerth()
    const { code, log } = await refusal({ port: first.port })
    expect(code).toBe(1)
    expect(log).toContain(`Port ${first.port} is taken by process ${first.pid} (`)
    expect(log).toMatch(/use one that is free: --addr 127\.0\.0\.1:\d+\n$/)
    expect(log).toContain(': it is a Berth that is already running. Stop it')
    expect(log).not.toContain(' at ')
  })

  test.each(['1', '2'])(
    'Berth started twice on one folder says that it runs (%s workers)',
    async (workers) => {
      const env = { BERTH_WORKERS: workers }
      await using first = await startBerth({ env })
      const { code, log } = await refusal({ port: first.port, data: first.data, env })
      expect(code).toBe(1)
      expect(log).toContain(': it is Berth, already running on this data folder. Use that one, or stop it.')
      expect(log).toMatch(/of its own: --data <folder> --addr 127\.0\.0\.1:\d+\n$/)
    },
  )

  test('a port that another Berth shares among its workers is taken as well', async () => {
    await using first = await startBerth({ env: { BERTH_WORKERS: '2' } })
    const { code, log } = await refusal({ port: first.port, env: { BERTH_WORKERS: '2' } })
    expect(code).toBe(1)
    expect(log).toContain(`Port ${first.port} is taken by process`)
  })

  test.each(['1', '2'])('a second Berth on the same folder is refused (%s workers)', async (workers) => {
    await using first = await startBerth()
    const { code, log } = await refusal({ data: first.data, env: { BERTH_WORKERS: workers } })
    expect(code).toBe(1)
    expect(log).toContain(`Another Berth works on ${first.data}`)
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200)
  })

  test('a folder whose database was lost is left alone, and berth reindex is named', async () => {
    const data = join(folder, 'lost')
    makeOldVolume(data, { repositories: 1, tags: 1 })
    mkdirSync(join(data, 'berth'))
    writeFileSync(join(data, 'berth/id'), 'the id of a folder that had a database\n')
    const { code, log } = await refusal({ data })
    expect(code).toBe(4)
    expect(log).toContain('the database is empty')
    expect(log).toContain('berth reindex')
  })

  test.each([
    [['--adr', ':5000'], 2, "unknown option '--adr'"],
    [['a.yml', '-c', 'b.yml'], 2, 'Two configuration files are named, a.yml and b.yml'],
    [['missing.yml'], 3, 'The configuration file missing.yml: there is no such file.'],
  ])('%j is refused', async (args, exitCode, sentence) => {
    const { code, log } = await refusal({ args })
    expect(code).toBe(exitCode)
    expect(log).toContain(sentence)
  })
})

describe('stopping', () => {
  const bytes = noise('stopping', 1_000_000)

  test.each([
    ['one process', { program: AS_USER }],
    ['two workers', { program: AS_USER, env: { BERTH_WORKERS: '2' } }],
  ])('lets an upload in flight end, and then exits with 0 (%s)', async (_, options) => {
    await using berth = await startBerth(options)
    const upload = await halfAnUpload(berth, bytes)
    const stopping = berth.stop()
    await until('it takes no more connections', () =>
      fetch(`${berth.url}/readyz`).then(
        () => false,
        () => true,
      ),
    )
    upload.sendRest()
    expect(await upload.answer).toStartWith('HTTP/1.1 201 ')
    const { code, milliseconds } = await stopping
    expect(code).toBe(0)
    expect(milliseconds).toBeLessThan(8000)
    expect(berth.processes()).toEqual([])
  })

  test('takes signals that come together for one, as npm and systemd send them', async () => {
    await using berth = await startBerth()
    const upload = await halfAnUpload(berth, bytes)
    berth.signal('SIGINT')
    berth.signal('SIGTERM')
    await until('it stops', () => berth.log().includes('finishing what is in flight'))
    upload.sendRest()
    expect(await upload.answer).toStartWith('HTTP/1.1 201 ')
    expect(await berth.exited).toBe(0)
  })

  test('cuts off an upload that does not end within the grace time', async () => {
    await using berth = await startBerth({ env: { BERTH_SHUTDOWNGRACE: '300ms' } })
    const upload = await halfAnUpload(berth, bytes)
    const { code, milliseconds } = await berth.stop()
    expect(code).toBe(0)
    expect(milliseconds).toBeGreaterThanOrEqual(300)
    expect(milliseconds).toBeLessThan(2500)
    expect(await upload.answer).not.toContain('201')
  })

  test.each([
    ['one process', {}],
    ['two workers', { env: { BERTH_WORKERS: '2' } }],
  ])('stops at once on a second signal (%s)', async (_, options) => {
    await using berth = await startBerth({ program: AS_USER, ...options })
    await halfAnUpload(berth, bytes)
    berth.signal('SIGTERM')
    await until('a later signal ends it', () => {
      if (berth.processes().includes(berth.pid)) berth.signal('SIGTERM')
      return berth.processes().length === 0
    })
    expect(await berth.exited).toBe(143)
    expect(berth.log()).toContain('SIGTERM: stopped at once')
  })
})

test('a signal while Berth still starts ends it at once', async () => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const connected = new Promise((resolve) => silent.once('connection', resolve))
  const { port } = silent.address() as { port: number }
  await using berth = await launchBerth({
    env: { BERTH_DATABASE_URL: `postgres://berth@127.0.0.1:${port}/berth` },
  })
  await connected
  const { code } = await berth.stop()
  silent.close()
  expect(code).toBe(143)
  expect(berth.log()).toContain('SIGTERM: stopped before it had started')
})

describe('on a terminal', () => {
  test('the first lines tell what there is to know, and one Ctrl-C lets an upload in flight end', async () => {
    const port = await findFreePort()
    const data = join(folder, 'terminal')
    const screen = { text: '' }
    const child = Bun.spawn({
      cmd: [...AS_USER, 'serve', '--addr', `127.0.0.1:${port}`, '--data', data],
      terminal: {
        cols: 200,
        rows: 50,
        data(_, chunk) {
          screen.text += new TextDecoder().decode(chunk)
        },
      },
    })
    await until('the banner is there', () => screen.text.includes('Ctrl-C stops it'))
    expect(screen.text).toContain(`http://localhost:${port}`)
    expect(screen.text).toContain(`${data} (files and SQLite)`)
    expect(screen.text).toContain('OPEN TO EVERYONE')
    expect(screen.text).toContain(`docker push localhost:${port}/busybox`)
    const url = `http://127.0.0.1:${port}`
    const berth = { url, host: `127.0.0.1:${port}`, port, data } as BerthServer
    const bytes = noise('terminal', 100_000)
    const upload = await halfAnUpload(berth, bytes)
    child.terminal?.write('\x03')
    await until('it takes no more connections', () =>
      fetch(url).then(
        () => false,
        () => true,
      ),
    )
    upload.sendRest()
    expect(await upload.answer).toStartWith('HTTP/1.1 201 ')
    expect(await child.exited).toBe(0)
    expect(screen.text).toContain('SIGINT: finishing what is in flight')
    expect(screen.text).not.toContain('stopped at once')
  })
})

test('an upload that has lain idle for too long is forgotten, also by a server that has just started', async () => {
  const env = { BERTH_UPLOADS_EXPIREAFTER: '1s' }
  const earlier = await startBerth({ env, data: mkdtempSync(join(folder, 'expiry-')) })
  const begun = await fetch(`${earlier.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const location = begun.headers.get('location') ?? ''
  expect((await fetch(`${earlier.url}${location}`)).status).toBe(204)
  await earlier.stop()
  const dueAt = Date.now() + 1100
  await until('the upload is old enough', () => Date.now() > dueAt)
  await using later = await startBerth({ env, data: earlier.data })
  expect((await fetch(`${later.url}${location}`)).status).toBe(404)
})
