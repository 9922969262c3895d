import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Config, ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Sources {
  readonly yaml?: string
  readonly environment?: Record<string, string>
  readonly addr?: string
  readonly data?: string
  readonly isTerminal?: boolean
}

function load(sources: Sources = {}): Promise<LoadedConfig> {
  const file = sources.yaml === undefined ? null : join(folder, 'config.yml')
  if (file !== null) writeFileSync(file, sources.yaml ?? '')
  const flags = { addr: sources.addr ?? null, data: sources.data ?? null }
  const { environment = {}, isTerminal = false } = sources
  return loadConfig({ file, environment, flags, isTerminal })
}

async function configOf(sources: Sources = {}): Promise<Config> {
  return (await load(sources)).config
}

async function problemsOf(sources: Sources): Promise<readonly string[]> {
  const error = await load(sources).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof ConfigError) return error.problems
  throw new Error('the settings were accepted')
}

const SQLITE = { kind: 'sqlite', path: null }
const V01 = 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /srv/images\n'

describe('without anything said', () => {
  test('Berth listens on every address at port 5000, keeps data in ./data, and allows deletes', async () => {
    expect(await configOf()).toMatchObject({
      http: { address: { kind: 'tcp', hostname: '::', port: 5000 }, host: null },
      storage: { driver: { kind: 'filesystem', root: resolve('data') }, deleteEnabled: true },
      database: SQLITE as Config['database'],
      workers: 1,
      log: { level: 'info', format: 'text', accessLog: true },
      uploads: { expireAfterMilliseconds: 7 * 86_400_000 },
      manifests: { allowMissing: false },
      shutdownGraceMilliseconds: 8000,
    })
  })

  test('who packages Berth says where that is, also to a file that says nothing about it', async () => {
    const environment = { BERTH_DEFAULT_DATA: '/var/lib/berth' }
    for (const sources of [{ environment }, { environment, yaml: 'version: 0.1\nstorage: filesystem\n' }])
      expect((await configOf(sources)).storage.driver).toEqual({ kind: 'filesystem', root: '/var/lib/berth' })
    const said = await configOf({ environment, yaml: V01 })
    expect(said.storage.driver).toEqual({ kind: 'filesystem', root: '/srv/images' })
  })
})

test('the log is for people on a terminal, unless a format is chosen', async () => {
  const formatOf = async (sources: Sources) => (await configOf({ ...sources, isTerminal: true })).log.format
  expect(await formatOf({})).toBe('pretty')
  expect(await formatOf({ environment: { REGISTRY_LOG_FORMATTER: 'text' } })).toBe('text')
  expect(await formatOf({ environment: { REGISTRY_LOG_FORMATTER: 'text', BERTH_LOG_FORMAT: 'json' } })).toBe(
    'json',
  )
  expect(await formatOf({ environment: { BERTH_LOG_FORMAT: 'auto' } })).toBe('pretty')
})

describe('the file', () => {
  test('has the settings of registry:2 that Berth knows', async () => {
    const config = await configOf({
      yaml: `${V01}  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:5001\n  host: https://registry.example.com\nlog:\n  level: debug\n  formatter: json\n`,
    })
    expect(config.http).toMatchObject({
      address: { kind: 'tcp', hostname: '127.0.0.1', port: 5001 },
      host: 'https://registry.example.com',
    })
    expect(config.storage).toMatchObject({
      driver: { kind: 'filesystem', root: '/srv/images' },
      deleteEnabled: true,
    })
    expect(config.log).toMatchObject({ level: 'debug', format: 'json', accessLog: true })
  })

  test("brings registry:2's defaults with its version: no deletes, and data under /var/lib/registry", async () => {
    const config = await configOf({ yaml: 'version: 0.1\nstorage:\n  filesystem:\n' })
    expect(config.storage).toMatchObject({
      driver: { kind: 'filesystem', root: '/var/lib/registry' },
      deleteEnabled: false,
    })
  })

  test("has Berth's own settings under berth:", async () => {
    const config = await configOf({
      yaml: 'berth:\n  database:\n    url: postgres://berth:secret@db/berth\n  workers: 3\n  log:\n    format: text\n    accessLog: false\n  uploads:\n    expireAfter: 1h30m\n  manifests:\n    allowMissing: true\n  shutdownGrace: 3s\n',
    })
    expect(config).toMatchObject({
      database: { kind: 'postgres', url: 'postgres://berth:secret@db/berth' },
      workers: 3,
      log: { level: 'info', format: 'text', accessLog: false },
      uploads: { expireAfterMilliseconds: 5_400_000 },
      manifests: { allowMissing: true },
      shutdownGraceMilliseconds: 3000,
      storage: { deleteEnabled: true },
    })
  })

  test.each(['storage:\n  inmemory:\n', 'storage:\n  inmemory: {}\n', 'storage: inmemory\n'])(
    'chooses memory: %j',
    async (yaml) => {
      expect((await configOf({ yaml })).storage.driver).toEqual({ kind: 'memory' })
    },
  )

  test('is refused with every key that Berth does not know, and the nearest that it does', async () => {
    const yaml = 'version: 0.1\nhttp:\n  adress: :5000\n  tls:\n    certificat: a.pem\nfoo:\n  far: away\n'
    const problems = await problemsOf({ yaml })
    expect(problems.map((each) => each.replace(folder, ''))).toEqual([
      '/config.yml: http.adress is not a setting that Berth knows. Did you mean http.addr?',
      '/config.yml: http.tls.certificat is not a setting that Berth knows. Did you mean http.tls.certificate?',
      '/config.yml: foo is not a setting that Berth knows. Remove it, or see berth config schema.',
    ])
  })

  test('is refused when it says a thing twice, together with what else is wrong', async () => {
    const yaml = 'version: 0.1\nhttp:\n  addr: :5000\n  adr: :1\nlog:\n  level: loud\nhttp:\n  addr: :6000\n'
    const problems = await problemsOf({ yaml })
    expect(problems.map((each) => each.replaceAll(folder, ''))).toEqual([
      'The configuration file /config.yml: http is written 2 times (lines 2, 7). Keep one.',
      'log.level in /config.yml is "loud": write error, warn, info or debug.',
    ])
  })

  test('is refused when it names two storage drivers', async () => {
    const [problem] = await problemsOf({ yaml: 'storage:\n  filesystem: {}\n  inmemory: {}\n' })
    expect(problem?.replaceAll(folder, '')).toBe(
      'storage names two drivers, filesystem (storage.filesystem in /config.yml) and inmemory (storage.inmemory in /config.yml). Keep one.',
    )
  })

  test('is refused when it is another version', async () => {
    expect(await problemsOf({ yaml: 'version: 0.2\n' })).toEqual([
      `version in ${folder}/config.yml is 0.2: the only version of this file is 0.1.`,
    ])
  })

  test('is refused when it is not YAML, is no section, or is not there', async () => {
    expect(await problemsOf({ yaml: 'log:\n  level: [' })).toEqual([
      expect.stringContaining('config.yml is not valid YAML in line 2, column'),
    ])
    expect(await problemsOf({ yaml: 'http: 5000' })).toEqual([
      expect.stringContaining('http must hold "key: value" lines'),
    ])
    expect(await problemsOf({ environment: { REGISTRY_CONFIGURATION_PATH: '/nowhere/config.yml' } })).toEqual(
      ['The configuration file /nowhere/config.yml: there is no such file.'],
    )
  })
})

describe('the environment', () => {
  test('overrules the file, and flags overrule both', async () => {
    const environment = { REGISTRY_HTTP_ADDR: ':5001', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/env' }
    const yaml = `${V01}http:\n  addr: :5000\n`
    const fromEnvironment = await configOf({ yaml, environment })
    expect(fromEnvironment.http.address).toEqual({ kind: 'tcp', hostname: '::', port: 5001 })
    expect(fromEnvironment.storage.driver).toEqual({ kind: 'filesystem', root: '/env' })
    const fromFlags = await configOf({ yaml, environment, addr: 'localhost:5002', data: '/flag' })
    expect(fromFlags.http.address).toEqual({ kind: 'tcp', hostname: 'localhost', port: 5002 })
    expect(fromFlags.storage.driver).toEqual({ kind: 'filesystem', root: '/flag' })
  })

  test('sets every setting that has a variable', async () => {
    const config = await configOf({
      environment: {
        REGISTRY_HTTP_HOST: 'http://images.example:8080/',
        REGISTRY_STORAGE: 'inmemory',
        REGISTRY_STORAGE_DELETE_ENABLED: 'false',
        REGISTRY_LOG_LEVEL: 'warn',
        REGISTRY_LOG_FORMATTER: 'json',
        BERTH_DATABASE_PATH: '/db/berth.db',
        BERTH_WORKERS: '1',
        BERTH_LOG_FORMAT: 'pretty',
        BERTH_LOG_ACCESSLOG: 'false',
        BERTH_UPLOADS_EXPIREAFTER: '2d',
        BERTH_MANIFESTS_ALLOWMISSING: 'true',
        BERTH_SHUTDOWNGRACE: '500ms',
      },
    })
    expect(config).toMatchObject({
      http: { address: { kind: 'tcp', hostname: '::', port: 5000 }, host: 'http://images.example:8080' },
      storage: { driver: { kind: 'memory' }, deleteEnabled: false },
      database: { kind: 'sqlite', path: '/db/berth.db' },
      workers: 1,
      log: { level: 'warn', format: 'pretty', accessLog: false },
      uploads: { expireAfterMilliseconds: 2 * 86_400_000 },
      manifests: { allowMissing: true },
      shutdownGraceMilliseconds: 500,
    })
  })

  test('is warned about where a variable sets nothing, but not about what Kubernetes puts there', async () => {
    const { warnings } = await load({
      environment: {
        REGISTRY_HTTP_ADRR: ':5000',
        BERTH_TELEPORT: 'yes',
        REGISTRY_PORT: 'tcp://10.0.0.1:5000',
        REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
        REGISTRY_SERVICE_HOST: '10.0.0.1',
        BERTH_SERVICE_PORT: '5000',
        BERTH_PORT: 'tcp://10.0.0.1:5000',
        HOME: '/root',
      },
    })
    expect(warnings).toEqual([
      'The variable BERTH_TELEPORT sets nothing in Berth.',
      'The variable REGISTRY_HTTP_ADRR sets nothing in Berth. Did you mean REGISTRY_HTTP_ADDR?',
    ])
  })

  test('leaves a setting alone with an empty variable', async () => {
    expect((await configOf({ environment: { REGISTRY_HTTP_HOST: '' } })).http.host).toBeNull()
  })
})

test.each([
  ['https://registry.example.com', '/', 'https://registry.example.com'],
  ['https://registry.example.com/', '/images/', 'https://registry.example.com/images'],
  ['https://example.com:8443/images/', '/', 'https://example.com:8443/images'],
  ['https://example.com/outside/', '/inside/', 'https://example.com/outside'],
])(
  'addresses begin with the host %s, and with the prefix %s where it has no path',
  async (host, prefix, base) => {
    const { http } = await configOf({
      environment: { REGISTRY_HTTP_HOST: host, REGISTRY_HTTP_PREFIX: prefix },
    })
    expect(http.host).toBe(base)
  },
)

describe('a value that cannot be used', () => {
  test.each<[Record<string, string>, string]>([
    [{ REGISTRY_HTTP_ADDR: '5000' }, 'REGISTRY_HTTP_ADDR is "5000": write host:port'],
    [
      { REGISTRY_HTTP_HOST: 'registry.example.com' },
      'REGISTRY_HTTP_HOST is "registry.example.com": write the address',
    ],
    [{ REGISTRY_HTTP_HOST: 'https://example.com/registry' }, 'with a slash at its end'],
    [{ REGISTRY_STORAGE_DELETE_ENABLED: 'maybe' }, 'write true or false'],
    [{ REGISTRY_STORAGE: 's3' }, 'REGISTRY_STORAGE: Berth cannot keep images in S3 yet. Use a folder'],
    [{ REGISTRY_STORAGE: 'tape' }, 'REGISTRY_STORAGE is "tape": write filesystem or inmemory.'],
    [{ REGISTRY_LOG_LEVEL: 'loud' }, 'write error, warn, info or debug'],
    [{ BERTH_WORKERS: '0' }, 'write a number from 1 to 256, or auto'],
    [{ BERTH_UPLOADS_EXPIREAFTER: 'soon' }, 'write a duration such as 30s'],
    [{ BERTH_UPLOADS_EXPIREAFTER: '0s' }, 'write a duration such as 30s'],
  ])('is named with what to write instead: %j', async (environment, expected) => {
    expect(await problemsOf({ environment })).toEqual([expect.stringContaining(expected)])
  })

  test('is not repeated where it may hold a password', async () => {
    const [problem] = await problemsOf({
      environment: { BERTH_DATABASE_URL: 'mysql://berth:hunter2@db/berth' },
    })
    expect(problem).toStartWith('BERTH_DATABASE_URL cannot be used: it must look like postgres://')
    expect(problem).not.toContain('hunter2')
  })

  test.each<[string, Sources]>([
    [
      'what stands one level too high',
      { environment: { BERTH_DATABASE: 'postgres://berth:hunter2@db/berth' } },
    ],
    [
      'an item of a list',
      {
        yaml: 'health:\n  http:\n    - uri: http://a.test\n      headers: {Authorization: ["Bearer hunter2\\nX: y"]}\n',
      },
    ],
    [
      'one item in the place of a list',
      {
        yaml: 'health:\n  http:\n    uri: http://u:hunter2@a.test\n    headers: {Authorization: [hunter2]}\n',
      },
    ],
    ['an address', { yaml: 'http:\n  host: https://u:hunter2@registry.example.com/path\n' }],
  ])('is not repeated in %s', async (_, sources) => {
    const problems = await problemsOf(sources)
    expect(problems).not.toBeEmpty()
    expect(problems.join('\n')).not.toContain('hunter2')
  })

  test('is reported together with what is wrong in other ways', async () => {
    const yaml =
      'version: 0.1\nhttp:\n  adr: :1\nstorage:\n  filesystem: {}\n  inmemory: {}\nproxy:\n  remoteurl: https://x\nlog:\n  level: loud\n'
    expect(await problemsOf({ yaml })).toEqual([
      expect.stringContaining('http.adr is not a setting that Berth knows'),
      expect.stringContaining('storage names two drivers'),
      expect.stringContaining('Berth cannot be a mirror yet'),
      expect.stringContaining('write error, warn, info or debug'),
    ])
  })

  test('is reported together with the others', async () => {
    expect(await problemsOf({ environment: { BERTH_WORKERS: 'x', REGISTRY_LOG_LEVEL: 'y' } })).toHaveLength(2)
  })
})

test('no time that is waited for is longer than a timer can count, and none that is compared is cut', async () => {
  const yaml = `version: 0.1
http: {draintimeout: 2000h}
storage: {maintenance: {uploadpurging: {age: 8760h, interval: 2000h}}}
health:
  storagedriver: {enabled: true, interval: 2000h}
  tcp: [{addr: "a:1", interval: 2000h, timeout: 2000h}]
`
  const { uploads, health, shutdownGraceMilliseconds } = await configOf({ yaml })
  const [tcp] = health.tcp
  const timed = [
    shutdownGraceMilliseconds,
    uploads.purgeEveryMilliseconds,
    health.storage?.everyMilliseconds,
    tcp?.everyMilliseconds,
    tcp?.timeoutMilliseconds,
  ]
  expect(timed).toEqual(timed.map(() => 24 * 86_400_000))
  expect(uploads.expireAfterMilliseconds).toBe(365 * 86_400_000)
})

describe('settings that contradict each other', () => {
  test.each<[Sources, string]>([
    [{ environment: { BERTH_DATABASE_URL: 'postgres://db/b', BERTH_DATABASE_PATH: '/b.db' } }, 'Keep one.'],
    [
      { environment: { BERTH_WORKERS: '2', REGISTRY_STORAGE: 'inmemory' } },
      'storage in memory works with one worker only',
    ],
    [
      { environment: { BERTH_WORKERS: '2' }, addr: 'unix:/run/berth.sock' },
      'a Unix socket works with one worker only',
    ],
    [
      { environment: { REGISTRY_STORAGE: 'inmemory', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data' } },
      'filesystem (REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY) and inmemory (REGISTRY_STORAGE). Keep one.',
    ],
  ])('are refused: %j', async (sources, expected) => {
    expect(await problemsOf(sources)).toEqual([expect.stringContaining(expected)])
  })

  test('auto workers are one per core, and one where only one can be', async () => {
    expect((await configOf({ environment: { BERTH_WORKERS: 'auto' } })).workers).toBe(availableParallelism())
    expect(
      (await configOf({ environment: { BERTH_WORKERS: 'auto', REGISTRY_STORAGE: 'inmemory' } })).workers,
    ).toBe(1)
  })
})

describe('the database', () => {
  const url = 'postgres://berth:secret@db/berth'

  test.each([
    [{}, 20],
    [{ BERTH_WORKERS: '16' }, 32],
    [{ BERTH_WORKERS: '4', BERTH_DATABASE_CONNECTIONS: '8' }, 8],
  ])('gets connections for all workers together: %j', async (environment, connections) => {
    const { database } = await configOf({ environment: { ...environment, BERTH_DATABASE_URL: url } })
    expect(database).toEqual({ kind: 'postgres', url, connections })
  })

  test.each([
    [
      { BERTH_DATABASE_CONNECTIONS: '8' },
      'BERTH_DATABASE_CONNECTIONS is for PostgreSQL, and SQLite is used.',
    ],
    [
      { BERTH_DATABASE_URL: url, BERTH_DATABASE_CONNECTIONS: '7', BERTH_WORKERS: '4' },
      'BERTH_DATABASE_CONNECTIONS is 7, but 4 workers need at least 8, 2 each.',
    ],
    [{ BERTH_DATABASE_URL: url, BERTH_DATABASE_CONNECTIONS: '1' }, 'write a number from 2 to 10000'],
  ])('refuses connections that cannot be: %j', async (environment, sentence) => {
    const [problem, ...others] = await problemsOf({ environment })
    expect(problem).toContain(sentence)
    expect(others).toEqual([])
  })

  test.each([{ BERTH_DATABASE_URL: url }, { BERTH_DATABASE_PATH: '/srv/berth.db' }])(
    'that outlives storage in memory is warned about: %j',
    async (environment) => {
      const { warnings } = await load({ environment: { ...environment, REGISTRY_STORAGE: 'inmemory' } })
      expect(warnings).toEqual([expect.stringContaining('will then list images that nobody can pull')])
      expect((await load({ environment })).warnings).toEqual([])
    },
  )
})
