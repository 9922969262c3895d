/**
 * The log that Berth writes off a terminal, beside those of docker-registry (2.8) and distribution 3.1 after the same
 * requests: the same fields, levels and sentences, so that what reads the one reads the other.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, findFreePort } from '../berth-server.ts'
import { smallImage } from '../clients/sample-images.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { exercise, type Settings, startServer } from './running.ts'

setDefaultTimeout(60_000)

const LOG = { fields: { service: 'registry', environment: 'staging' } }
const image = smallImage('log')
const CLIENT = {
  'user-agent': Buffer.from('tester/1.0 "quoted" Ärger').toString('latin1'),
  referer: 'https://ui.example.com/',
}

/** The lines of requests, each as its fields. */
function requestsOf(stderr: string): Map<string, string>[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes('msg="response completed'))
    .map(fieldsOf)
}

/** A line of logrus. */
function fieldsOf(line: string): Map<string, string> {
  const pairs = [...line.matchAll(/(\S+?)=("(?:[^"\\]|\\.)*"|\S*)/g)]
  return new Map(pairs.map(([, key = '', value = '']) => [key, value]))
}

function find(requests: readonly Map<string, string>[], method: string, uri: string): Map<string, string> {
  const found = requests.find(
    (each) => each.get('http.request.method') === method && each.get('http.request.uri') === uri,
  )
  if (found === undefined) throw new Error(`no line for ${method} ${uri}`)
  return found
}

async function logged(
  program?: string,
  settings: Settings = { log: LOG },
): Promise<{ stdout: string; stderr: string }> {
  await using server = await startServer(settings, program)
  await exercise(server, image, CLIENT)
  await until(
    'the last request is logged',
    () => server.stderr().includes('manifests/none') && server.stdout().includes('OPTIONS'),
  )
  await server.stop()
  return { stdout: server.stdout(), stderr: server.stderr() }
}

let own: { stdout: string; stderr: string }
beforeAll(async () => {
  own = await logged()
})

describeWith('beside distribution 3.1', ['registry'], (programs) => {
  let theirs: { stdout: string; stderr: string }
  beforeAll(async () => {
    theirs = await logged(programs.registry)
  })

  test.each([
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/team/app/tags/list'],
    ['GET', '/v2/team/app/manifests/1'],
    ['PUT', '/v2/team/app/manifests/1'],
    ['POST', '/v2/team/app/blobs/uploads/'],
    ['GET', '/v2/team/app/manifests/none'],
    ['GET', '"/v2/team%2fapp/tags/list"'],
    ['OPTIONS', '/v2/team/app/manifests/1'],
  ])('%s %s has the same fields, but for what Go alone has', (method, uri) => {
    const [one, other] = [own, theirs].map(({ stderr }) => find(requestsOf(stderr), method, uri)) as [
      Map<string, string>,
      Map<string, string>,
    ]
    const names = (fields: Map<string, string>) =>
      [...fields.keys()].filter((name) => name !== 'go.version' && name !== 'err.detail')
    expect(names(one)).toEqual(names(other))
    for (const name of [
      'level',
      'msg',
      'environment',
      'service',
      'http.request.useragent',
      'http.request.host',
      'http.response.status',
      'err.code',
    ]) {
      if (name === 'http.request.host') expect(one.has(name)).toBe(other.has(name))
      else expect(one.get(name)).toEqual(other.get(name) as never)
    }
  })

  test('the combined lines on standard output differ in time, port and size of errors only', () => {
    const same = (stdout: string) =>
      stdout
        .trim()
        .split('\n')
        .map((line) =>
          line
            .replace(/\[[^\]]*\]/, '[TIME]')
            .replace(/uploads\/[^ ]+/, 'uploads/ID')
            .replace(/ 404 \d+ /, ' 404 SIZE '),
        )
        .filter((line) => !line.includes('"GET / HTTP'))
    expect(same(own.stdout)).toEqual(same(theirs.stdout))
    for (const { stdout } of [own, theirs]) {
      for (const line of stdout.trim().split('\n')) {
        expect(line).toMatch(/^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z][a-z]\/20\d\d:\d\d:\d\d:\d\d \+0000\] "/)
      }
    }
  })
})

describeWith('beside docker-registry 2.8', ['docker-registry'], (programs) => {
  test('the sentences of a start and of requests are the same', async () => {
    const theirs = await logged(programs['docker-registry'])
    for (const { stderr } of [own, theirs]) {
      expect(stderr).toMatch(
        /^time="\S+Z" level=info msg="listening on 127\.0\.0\.1:\d+" environment=staging .*instance\.id=\S+ service=registry version=\S+$/m,
      )
      expect(stderr).toMatch(/level=error msg="response completed with error" .*err\.code="manifest unknown"/)
    }
    const statuses = ({ stderr }: { stderr: string }) =>
      requestsOf(stderr).map(
        (each) =>
          `${each.get('level')} ${each.get('http.request.method')} ${each.get('http.response.status')}`,
      )
    expect(statuses(own)).toEqual(statuses(theirs))
  })
})

describe('log.accesslog.disabled', () => {
  test('leaves standard output empty, and the log as it was', async () => {
    await using server = await startServer({ log: { ...LOG, accesslog: { disabled: true } } })
    await exercise(server, image, CLIENT)
    await until('the last request is logged', () => server.stderr().includes('manifests/none'))
    await server.stop()
    expect(server.stdout()).toBe('')
  })
})

test('log.level: error leaves the combined lines alone', async () => {
  const { stdout, stderr } = await logged(undefined, { log: { level: 'error' } })
  expect(stdout.split('\n').length).toBeGreaterThan(5)
  for (const line of stderr.trim().split('\n')) expect(line).toContain(' level=error ')
})

test.each(['json', 'logstash'])('log.formatter: %s has an object for every line', async (formatter) => {
  await using server = await startServer({ log: { ...LOG, formatter } })
  await exercise(server, image, CLIENT)
  await until('the last request is logged', () => server.stderr().includes('OPTIONS'))
  await server.stop()
  const lines = server
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  for (const line of lines)
    expect(line).toMatchObject(formatter === 'json' ? { ...LOG.fields } : { ...LOG.fields, '@version': '1' })
  expect(lines.find((line) => line['http.request.uri'] === '/v2/')).toMatchObject({
    'http.response.status': 200,
  })
  const refused = lines.find((line) => line['http.request.uri'] === '/v2/team/app/manifests/none')
  expect(refused['err.detail']).toBeString()
})

test('nobody who does not read the log holds up the server, and what was lost is counted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unread-log-'))
  const pipe = join(folder, 'log')
  expect(Bun.spawnSync(['mkfifo', pipe]).exitCode).toBe(0)
  // Open for reading too, so that somebody could read; but nobody does.
  const [reader, writer] = [
    openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK),
    openSync(pipe, constants.O_WRONLY),
  ]
  const port = await findFreePort()
  const [program = '', ...args] = FROM_SOURCE
  const child = Bun.spawn([program, ...args, 'serve', '--addr', `127.0.0.1:${port}`], {
    env: { ...process.env, REGISTRY_STORAGE: 'inmemory', BERTH_LOG_FORMAT: 'text' },
    stdio: ['ignore', 'ignore', writer],
  })
  const ask = () => fetch(`http://127.0.0.1:${port}/v2/`).then((answer) => answer.status)
  await until('it answers', () =>
    ask().then(
      () => true,
      () => false,
    ),
  )
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 100 }, ask))
  expect(await ask()).toBe(200)
  let log = ''
  await until('it says what was lost', () => {
    log += readAll(reader)
    return log.includes('lines were lost, for nobody reads standard error, or too slowly')
  })
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  for (const descriptor of [reader, writer]) closeSync(descriptor)
  rmSync(folder, { recursive: true })
})

/** What can be read now. */
function readAll(descriptor: number): string {
  const chunk = Buffer.alloc(1024 * 1024)
  try {
    return chunk.toString('utf8', 0, readSync(descriptor, chunk))
  } catch {
    return '' // Nothing is there.
  }
}
