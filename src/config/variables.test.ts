import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, ConfigError } from './config.ts'
import { type LoadedConfig, loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-variables-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load(environment: Record<string, string>, yaml?: string): Promise<LoadedConfig> {
  const file = yaml === undefined ? null : join(folder, 'config.yml')
  if (file !== null) writeFileSync(file, yaml ?? '')
  return loadConfig({ file, environment, flags: { addr: null, data: null }, isTerminal: false })
}

async function configOf(environment: Record<string, string>, yaml?: string): Promise<Config> {
  return (await load(environment, yaml)).config
}

async function problemsOf(environment: Record<string, string>, yaml?: string): Promise<readonly string[]> {
  const error = await load(environment, yaml).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof ConfigError) return error.problems
  throw new Error('the settings were accepted')
}

describe('variables as registry:2 has them', () => {
  test('the kind of login alone, and then its settings', async () => {
    const config = await configOf({
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm',
      REGISTRY_AUTH_HTPASSWD_PATH: '/auth/registry.password',
    })
    expect(config.auth).toEqual({
      kind: 'htpasswd',
      realm: 'Registry Realm',
      path: '/auth/registry.password',
    })
  })

  test('the settings of a login are enough', async () => {
    const { auth } = await configOf({ REGISTRY_AUTH_HTPASSWD_PATH: '/auth/file' })
    expect(auth).toEqual({ kind: 'htpasswd', realm: 'Registry', path: '/auth/file' })
  })

  test('quotes that a compose list hands on are no part of the value', async () => {
    const { http } = await configOf({ REGISTRY_HTTP_HOST: '"https://registry.example.com"' })
    expect(http.host).toBe('https://registry.example.com')
    const { auth } = await configOf({ REGISTRY_AUTH_HTPASSWD_PATH: "'/auth/file'" })
    expect(auth).toMatchObject({ path: '/auth/file' })
  })

  test('nor around a list, a map or a section; around one text of a list they are YAML’s own', async () => {
    const { http, storage } = await configOf({
      'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "'[http://ui.example]'",
      'REGISTRY_HTTP_HEADERS_X-Two': '"- a\n- b"',
      'REGISTRY_HTTP_HEADERS_X-One': "'[a]: b'",
      REGISTRY_HTTP_TRUSTEDPROXIES: '"[192.0.2.1, 192.0.2.2]"',
      REGISTRY_STORAGE_MAINTENANCE: "'{readonly: {enabled: true}}'",
    })
    expect(http.headers).toEqual({
      'access-control-allow-origin': ['http://ui.example'],
      'x-two': ['a', 'b'],
      'x-one': ['[a]: b'],
    })
    expect(http.trustedProxies).toEqual(['192.0.2.1', '192.0.2.2'])
    expect(storage.readOnly).toBe(true)
    const { log } = await configOf({ REGISTRY_LOG_FIELDS: '"{service: registry}"' })
    expect(log.fields).toEqual({ service: 'registry' })
  })

  test('a whole section or list as YAML', async () => {
    const config = await configOf({
      REGISTRY_STORAGE_MAINTENANCE: '{readonly: {enabled: true}}',
      REGISTRY_HEALTH_FILE: '- file: /off\n  interval: 5s\n',
    })
    expect(config.storage.readOnly).toBe(true)
    expect(config.health.files).toEqual([{ file: '/off', everyMilliseconds: 5000 }])
  })

  test.each([
    [
      { REGISTRY_STORAGE_MAINTENANCE: '{readonly: {enabled: false, enabled: true}}' },
      'REGISTRY_STORAGE_MAINTENANCE: readonly.enabled is written 2 times (line 1). Keep one.',
    ],
    [
      { REGISTRY_HEALTH_TCP: '- addr: a:1\n  addr: b:1\n' },
      'REGISTRY_HEALTH_TCP: addr is written 2 times (lines 1, 2). Keep one.',
    ],
    [
      { REGISTRY_STORAGE_MAINTENANCE: '{readonly' },
      'REGISTRY_STORAGE_MAINTENANCE is not valid YAML in line 1, column 10',
    ],
  ])('but not one that says a thing twice, or cannot be read: %j', async (environment, problem) => {
    expect(await problemsOf(environment)).toEqual([expect.stringContaining(problem)])
  })

  test("Go's names of fields, and the file's", async () => {
    const files = [{ file: '/off', everyMilliseconds: 10_000 }]
    expect((await configOf({ REGISTRY_HEALTH_FILECHECKERS: '[{file: /off}]' })).health.files).toEqual(files)
    expect((await configOf({ REGISTRY_HEALTH_FILE: '[{file: /off}]' })).health.files).toEqual(files)
  })

  test('durations as Go writes them, and bare numbers of nanoseconds', async () => {
    const age = (text: string) => configOf({ REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: text })
    expect((await age('1h30m')).uploads.expireAfterMilliseconds).toBe(5_400_000)
    expect((await age('5000000000')).uploads.expireAfterMilliseconds).toBe(5000)
  })

  test('keys of maps: one that is in the file however it is written, a new one in small letters', async () => {
    const { http } = await configOf(
      {
        'REGISTRY_HTTP_HEADERS_X-Content-Type-Options': '[nosniff]',
        'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['https://a.example']",
      },
      'version: 0.1\nhttp:\n  headers:\n    X-Content-Type-Options: [other]\n',
    )
    expect(http.headers).toEqual({
      'X-Content-Type-Options': ['nosniff'],
      'access-control-allow-origin': ['https://a.example'],
    })
    const { log } = await configOf({ REGISTRY_LOG_FIELDS_SERVICE: 'registry' })
    expect(log.fields).toEqual({ service: 'registry' })
  })

  test('parents come before their children, whatever the order in the environment', async () => {
    const { uploads, storage } = await configOf({
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: 'true',
      REGISTRY_STORAGE_MAINTENANCE: '{readonly: {enabled: true}, uploadpurging: {age: 2h}}',
    })
    expect(uploads).toMatchObject({ expireAfterMilliseconds: 7_200_000, purgeIsDryRun: true })
    expect(storage.readOnly).toBe(true)
  })

  test('a driver by its name alone takes the place of the one in the file, and leaves the rest of the section', async () => {
    const { storage } = await configOf(
      { REGISTRY_STORAGE: 'inmemory' },
      'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /srv\n  delete:\n    enabled: true\n',
    )
    expect(storage).toMatchObject({ driver: { kind: 'memory' }, deleteEnabled: true })
  })
})

test('a driver by its name alone begins without the settings that the file has for it, and that is told', async () => {
  const { config, warnings } = await load(
    { REGISTRY_STORAGE: 'filesystem' },
    'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /srv\n',
  )
  expect(config.storage.driver).toEqual({ kind: 'filesystem', root: '/var/lib/registry' })
  expect(warnings.map((warning) => warning.replace(`${folder}/`, ''))).toEqual([
    'storage.filesystem.rootdirectory in config.yml has no effect: REGISTRY_STORAGE begins that section anew, as in registry:2.',
  ])
})

test('so does a section that is written as YAML, and what it leaves out of the file’s is told', async () => {
  const yaml =
    'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /srv\n  delete:\n    enabled: true\n  maintenance:\n    readonly:\n      enabled: true\n'
  const { config, warnings } = await load(
    { REGISTRY_STORAGE: '{inmemory: {}, delete: {enabled: false}}' },
    yaml,
  )
  expect(config.storage).toMatchObject({ driver: { kind: 'memory' }, deleteEnabled: false, readOnly: false })
  expect(warnings.map((warning) => warning.replace(`${folder}/`, ''))).toEqual(
    ['filesystem.rootdirectory', 'maintenance.readonly.enabled'].map(
      (key) =>
        `storage.${key} in config.yml has no effect: REGISTRY_STORAGE begins that section anew, as in registry:2.`,
    ),
  )
})

test('a variable of the version sets nothing, as there, and is no slip of itself', async () => {
  const { warnings } = await load({ REGISTRY_VERSION: '0.1' })
  expect(warnings).toEqual(['The variable REGISTRY_VERSION sets nothing in Berth.'])
})

test('a field of the log may be anything, as in registry:2', async () => {
  const { config } = await load(
    {},
    'version: 0.1\nlog:\n  fields:\n    a: null\n    b: [1, x]\n    c: {d: 1}\n    e: 1\n',
  )
  expect(config.log.fields).toEqual({ a: 'null', b: '[1,"x"]', c: '{"d":1}', e: 1 })
})

describe('a second way in', () => {
  const yaml = 'version: 0.1\nauth:\n  htpasswd:\n    path: /auth/file\n'

  test('is never one by the way', async () => {
    expect(
      await problemsOf({ REGISTRY_AUTH_SILLY_REALM: 'x', REGISTRY_AUTH_SILLY_SERVICE: 'y' }, yaml),
    ).toEqual([
      expect.stringContaining(
        'auth names two ways in, silly (REGISTRY_AUTH_SILLY_REALM) and htpasswd (auth.htpasswd in ',
      ),
    ])
  })

  test('takes the place of the first where REGISTRY_AUTH says so, and that is told', async () => {
    const { config, warnings } = await load({ REGISTRY_AUTH: 'none' }, yaml)
    expect(config.auth).toEqual({ kind: 'open' })
    expect(warnings).toEqual([expect.stringContaining('has no effect: REGISTRY_AUTH overrules it.')])
  })
})

describe('what is broken in registry:2 works', () => {
  test.each([
    undefined,
    'version: 0.1\nstorage:\n  filesystem:\n  maintenance:\n    readonly:\n      enabled: false\n',
  ])('read-only mode and purging by their own variables: %j', async (yaml) => {
    const environment = {
      REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false',
    }
    const { storage, uploads } = await configOf(environment, yaml)
    expect(storage.readOnly).toBe(true)
    expect(uploads.purgeEveryMilliseconds).toBeNull()
  })

  test('items of lists by number, also plain ones', async () => {
    const tls = { REGISTRY_HTTP_TLS_CERTIFICATE: '/c', REGISTRY_HTTP_TLS_KEY: '/k' }
    const { http } = await configOf({
      ...tls,
      REGISTRY_HTTP_TLS_CLIENTCAS_0: '/a.pem',
      REGISTRY_HTTP_TLS_CLIENTCAS_1: '/b.pem',
    })
    expect(http.tls).toMatchObject({ client: { authorities: ['/a.pem', '/b.pem'], mode: 'require' } })
    const { health } = await configOf(
      { REGISTRY_HEALTH_TCP_0_ADDR: 'db:5432', REGISTRY_HEALTH_TCP_1_ADDR: 'cache:6379' },
      'version: 0.1\nhealth:\n  tcp:\n    - addr: old:1\n      timeout: 1s\n',
    )
    expect(health.tcp.map(({ address }) => address)).toEqual(['db:5432', 'cache:6379'])
    expect(health.tcp[0]?.timeoutMilliseconds).toBe(1000)
  })

  test('the tenth item of a list comes after the ninth', async () => {
    const numbers = Array.from({ length: 11 }, (_, number) => number)
    const items = numbers.map((number) => [`REGISTRY_HTTP_TRUSTEDPROXIES_${number}`, `192.0.2.${number}`])
    const { http } = await configOf(Object.fromEntries(items))
    expect(http.trustedProxies).toEqual(numbers.map((number) => `192.0.2.${number}`))
  })

  test('a list by number has no holes, and no other names', async () => {
    expect(await problemsOf({ REGISTRY_HTTP_TLS_CLIENTCAS_1: '/b.pem' })).toEqual([
      'REGISTRY_HTTP_TLS_CLIENTCAS_1 names no item of a list: the next one is number 0.',
    ])
    expect(await problemsOf({ REGISTRY_HTTP_TLS_CLIENTCAS_FIRST: '/b.pem' })).toHaveLength(1)
  })

  test('one value is a list of it', async () => {
    const { http } = await configOf({ REGISTRY_HTTP_TRUSTEDPROXIES: '192.0.2.1' })
    expect(http.trustedProxies).toEqual(['192.0.2.1'])
  })
})

describe('what Berth does not do', () => {
  test.each([
    ['REGISTRY_STORAGE_S3_BUCKET', 'Berth cannot keep images in S3 yet'],
    ['REGISTRY_STORAGE_GCS_BUCKET', 'Berth cannot keep images in Google Cloud Storage yet'],
    ['REGISTRY_PROXY_REMOTEURL', 'Berth cannot be a mirror yet'],
    ['REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL', 'Berth cannot ask Let’s Encrypt yet'],
  ])('stops the start where going on would be worse: %s', async (variable, sentence) => {
    expect(await problemsOf({ [variable]: 'x' })).toEqual([
      expect.stringContaining(`${variable}: ${sentence}`),
    ])
  })

  test('is named otherwise, with what to use instead', async () => {
    const { warnings } = await load({
      REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{name: a, url: http://a}]',
      REGISTRY_REDIS_ADDR: 'redis:6379',
    })
    expect(warnings).toEqual([
      expect.stringContaining(
        'REGISTRY_NOTIFICATIONS_ENDPOINTS has no effect: Berth sends no notifications yet',
      ),
      expect.stringContaining('REGISTRY_REDIS_ADDR has no effect: Berth needs no cache'),
    ])
  })

  test('is no matter where nothing is asked of it', async () => {
    const yaml =
      'version: 0.1\nproxy:\n  remoteurl: ""\nredis: {}\nhttp:\n  host: ""\n  tls:\n    certificate: ""\n    letsencrypt:\n      cachefile: ""\n      hosts: []\n'
    expect(await load({}, yaml)).toMatchObject({ warnings: [], notices: [], config: { http: { tls: null } } })
  })

  test('a middleware that somebody has made is never left out', async () => {
    expect(await problemsOf({}, 'middleware:\n  registry:\n    - name: guard\n')).toEqual([
      expect.stringContaining('this one might keep somebody out'),
    ])
    const { warnings } = await load({}, 'middleware:\n  storage:\n    - name: cloudfront\n')
    expect(warnings).toEqual([expect.stringContaining('Put a CDN in front of it')])
  })

  test('a password that looks like YAML is none of our business there', async () => {
    const { warnings } = await load({ REGISTRY_REDIS_PASSWORD: '[secret' })
    expect(warnings).toEqual([expect.not.stringContaining('[secret')])
  })

  test('is told of in each item of a list', async () => {
    const { notices } = await load(
      { REGISTRY_HEALTH_FILE_1_FILE: '/y', REGISTRY_HEALTH_FILE_1_THRESHOLD: '2' },
      'health:\n  file:\n    - file: /x\n      threshold: 3\n',
    )
    expect(notices.map((notice) => notice.replace(`${folder}/`, ''))).toEqual([
      '0.threshold of health.file in config.yml is not needed: one look is enough to see that a file is there.',
      'REGISTRY_HEALTH_FILE_1_THRESHOLD is not needed: one look is enough to see that a file is there.',
    ])
  })

  test('or does not need is told of too', async () => {
    const { notices } = await load(
      {},
      'version: 0.1\nstorage:\n  filesystem:\n  cache:\n    blobdescriptor: inmemory\nhttp:\n  secret: hunter2\n',
    )
    expect(notices.map((notice) => notice.replace(folder, ''))).toEqual([
      'storage.cache.blobdescriptor in /config.yml is not needed: Berth asks its database, which needs no cache of descriptors.',
      'http.secret in /config.yml is not needed: Berth keeps uploads in its database, so there is nothing to sign.',
    ])
  })
})

test('what Kubernetes says of Services is ignored quietly, also of those that are named after a section', async () => {
  const { warnings } = await load({
    REGISTRY_REDIS_SERVICE_HOST: '10.0.0.2',
    REGISTRY_REDIS_PORT: 'tcp://10.0.0.2:6379',
    REGISTRY_REDIS_PORT_6379_TCP_ADDR: '10.0.0.2',
    REGISTRY_SERVICE_PORT_HTTP: '5000',
    REGISTRY_SERVICE_HOST: 'fd00::2',
    REGISTRY_PORT_5000_TCP: 'tcp://10.0.0.2:5000',
    REGISTRY_PORT_5000_TCP_PORT: '5000',
    REGISTRY_PORT_5000_TCP_PROTO: 'tcp',
    BERTH_PORT: 'tcp://10.0.0.2:5000',
  })
  expect(warnings).toEqual([])
})

test('what only has such a name was written by a person', async () => {
  const { config, warnings } = await load({
    REGISTRY_PORT: '5001',
    REGISTRY_HTTP_PORT: '5001',
    REGISTRY_SERVICE_HOST: 'registry.example.com',
    REGISTRY_LOG_FIELDS_PORT: '7',
    REGISTRY_HTTP_HEADERS_PORT: 'x',
  })
  expect(config.log.fields).toEqual({ port: '7' })
  expect(config.http.headers).toEqual({ port: ['x'] })
  expect(warnings).toEqual([
    'The variable REGISTRY_HTTP_PORT sets nothing in Berth. Did you mean REGISTRY_HTTP_ADDR?',
    'The variable REGISTRY_PORT sets nothing in Berth. Did you mean REGISTRY_HTTP_ADDR?',
    expect.stringContaining('The variable REGISTRY_SERVICE_HOST sets nothing in Berth.'),
  ])
})

describe('a value that would do something else than its writer thinks is refused', () => {
  test.each<[Record<string, string>, string]>([
    [{ REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL: '10' }, 'a bare number means nanoseconds'],
    [{ REGISTRY_HTTP_TRUSTEDPROXIES: '10.0.0.0/8, proxy.lan' }, 'write addresses and networks'],
    [{ REGISTRY_HTTP_TRUSTEDPROXIES: 'foo' }, 'REGISTRY_HTTP_TRUSTEDPROXIES is "foo": write addresses'],
    [
      { REGISTRY_POLICY_REPOSITORY_CLASSES: 'imge' },
      'REGISTRY_POLICY_REPOSITORY_CLASSES is "imge": write image',
    ],
    [{ REGISTRY_HTTP_HEADERS: '{"X Y": [a]}' }, 'no name for a header'],
    [{ REGISTRY_HTTP_HEADERS: '{"X-Y": ["a\\nb"]}' }, 'write a text on one line'],
    [{ REGISTRY_HEALTH_HTTP: '[{timeout: 5s}]' }, 'uri is missing: write an http or https URL'],
    [{ REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW: '["(?=x)"]' }, 'as Go knows them'],
    [
      {
        REGISTRY_AUTH: 'token',
        REGISTRY_AUTH_TOKEN_REALM: 'https://a.test',
        REGISTRY_AUTH_TOKEN_SERVICE: 's',
        REGISTRY_AUTH_TOKEN_ISSUER: 'i',
        REGISTRY_AUTH_TOKEN_JWKS: '/j',
        REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS: '[none]',
      },
      'write EdDSA, HS256',
    ],
  ])('%j', async (environment, sentence) => {
    expect(await problemsOf(environment)).toEqual([expect.stringContaining(sentence)])
  })
})

test('a setting that another one overrules is told of', async () => {
  const { notices, config } = await load(
    { BERTH_SHUTDOWNGRACE: '3s' },
    'version: 0.1\nhttp:\n  draintimeout: 60s\nlog:\n  level: DEBUG\n',
  )
  expect(notices.map((notice) => notice.replace(folder, ''))).toEqual([
    'http.draintimeout in /config.yml has no effect: BERTH_SHUTDOWNGRACE overrules it.',
  ])
  expect(config).toMatchObject({ shutdownGraceMilliseconds: 3000, log: { level: 'debug' } })
})
