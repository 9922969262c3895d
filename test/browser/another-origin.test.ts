/**
 * A page on another origin, such as joxit's docker-registry-ui, in a real browser: with the headers that its
 * documentation wants it lists, inspects and deletes, with and without a login.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { type Browser, type Page, startBrowser } from './chromium.ts'

const TIMEOUT = 60_000

/** As that page asks: what a header or a body was, or why nothing came. */
const REQUEST = `
function request(method, path, { headers = {}, withCredentials = false } = {}) {
  return new Promise((resolve) => {
    const asked = new XMLHttpRequest()
    asked.open(method, REGISTRY + path)
    asked.withCredentials = withCredentials
    for (const [name, value] of Object.entries(headers)) asked.setRequestHeader(name, value)
    asked.onerror = () => resolve('refused by the browser')
    asked.onload = () => resolve({
      status: asked.status,
      digest: asked.getResponseHeader('Docker-Content-Digest'),
      challenge: asked.getResponseHeader('WWW-Authenticate'),
      body: asked.responseText,
    })
    asked.send()
  })
}
`

interface Answer {
  readonly status: number
  readonly digest: string | null
  readonly challenge: string | null
  readonly body: string
}

interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly withCredentials?: boolean
}

/** The headers of that page's documentation, for a page at this origin. */
function configuration(origin: string): string {
  return `
version: 0.1
storage:
  delete:
    enabled: true
http:
  headers:
    X-Content-Type-Options: [nosniff]
    Access-Control-Allow-Origin: ['${origin}']
    Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS', 'DELETE']
    Access-Control-Allow-Headers: ['Authorization', 'Accept', 'Cache-Control']
    Access-Control-Max-Age: [1728000]
    Access-Control-Allow-Credentials: [true]
    Access-Control-Expose-Headers: ['Docker-Content-Digest', 'WWW-Authenticate']
`
}

const LOGIN = { username: 'anna', password: 'secret words' }
const AUTHORIZATION = `Basic ${btoa(`${LOGIN.username}:${LOGIN.password}`)}`

function withLogin(url: string): string {
  return url.replace('//', `//${LOGIN.username}:${encodeURIComponent(LOGIN.password)}@`)
}

const ACCEPT = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ')

describeWith('A page on another origin', ['chromium', 'htpasswd'], ({ chromium, htpasswd }) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-origin-'))
  const pages = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () =>
      new Response('<!doctype html><title>Page</title>', { headers: { 'content-type': 'text/html' } }),
  })
  let browser: Browser
  setDefaultTimeout(TIMEOUT)
  beforeAll(async () => {
    browser = await startBrowser(chromium)
    await Bun.write(join(folder, 'config.yml'), configuration(pages.url.origin))
  }, TIMEOUT)
  afterAll(async () => {
    await browser[Symbol.asyncDispose]()
    await pages.stop(true)
    rmSync(folder, { recursive: true })
  }, TIMEOUT)

  function start(env: Record<string, string> = {}): Promise<BerthServer> {
    return startBerth({ args: [join(folder, 'config.yml')], env })
  }

  /** With one user, `anna`, whose password is `secret words`. */
  async function startWithLogin(): Promise<BerthServer> {
    const file = join(folder, 'htpasswd')
    await command(htpasswd, ['-Bbc', '-C', '4', file, LOGIN.username, LOGIN.password])
    return await start({
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD_REALM: 'Registry',
      REGISTRY_AUTH_HTPASSWD_PATH: file,
    })
  }

  async function ask(page: Page, berth: BerthServer, method: string, path: string, options: AskOptions = {}) {
    const call = `request(${JSON.stringify(method)}, ${JSON.stringify(path)}, ${JSON.stringify(options)})`
    const script = `const REGISTRY = ${JSON.stringify(berth.url)}\n${REQUEST}\nreturn ${call}`
    return (await page.evaluate(`(() => {${script}})()`)) as Answer
  }

  /** Everything that the page does with an image, on behalf of who says so by these options. */
  async function expectManaged(page: Page, berth: BerthServer, repository: string, options: AskOptions) {
    const fresh = { ...options, headers: { ...options.headers, 'Cache-Control': 'no-store, no-cache' } }
    const choosing = { ...options, headers: { ...options.headers, Accept: ACCEPT } }
    const catalog = await ask(page, berth, 'GET', '/v2/_catalog?n=1000', fresh)
    expect(JSON.parse(catalog.body).repositories).toContain(repository)
    const tags = await ask(page, berth, 'GET', `/v2/${repository}/tags/list`, options)
    expect(JSON.parse(tags.body).tags).toEqual(['1'])
    const head = await ask(page, berth, 'HEAD', `/v2/${repository}/manifests/1`, choosing)
    expect(head.status).toBe(200)
    expect(head.digest).toMatch(/^sha256:/)
    const config = JSON.parse((await ask(page, berth, 'GET', `/v2/${repository}/manifests/1`, choosing)).body)
    const blob = await ask(page, berth, 'GET', `/v2/${repository}/blobs/${config.config.digest}`, options)
    expect(JSON.parse(blob.body)).toHaveProperty('architecture')
    const deleted = await ask(page, berth, 'DELETE', `/v2/${repository}/manifests/${head.digest}`, choosing)
    expect(deleted.status).toBe(202)
    const gone = await ask(page, berth, 'GET', `/v2/${repository}/manifests/1`, choosing)
    expect(gone.status).toBe(404)
  }

  test('lists, inspects and deletes where everything is open', async () => {
    await using berth = await start()
    await pushImage(berth.url, 'open/image', '1', smallImage('open'))
    const page = await browser.open(pages.url.href)
    await expectManaged(page, berth, 'open/image', {})
  })

  test('lists, inspects and deletes with a login that it sends itself', async () => {
    await using berth = await startWithLogin()
    await pushImage(withLogin(berth.url), 'known/image', '1', smallImage('known'))
    const page = await browser.open(pages.url.href)
    await expectManaged(page, berth, 'known/image', { headers: { Authorization: AUTHORIZATION } })
  })

  test("lists, inspects and deletes with a login from the browser's own prompt", async () => {
    await using berth = await startWithLogin()
    await pushImage(withLogin(berth.url), 'asked/image', '1', smallImage('asked'))
    const page = await browser.open(pages.url.href, { login: LOGIN })
    await expectManaged(page, berth, 'asked/image', { withCredentials: true })
  })

  test('sees that it needs a login, and which', async () => {
    await using berth = await startWithLogin()
    const page = await browser.open(pages.url.href)
    const asked = await ask(page, berth, 'GET', '/v2/_catalog', { headers: { Accept: ACCEPT } })
    expect(asked).toMatchObject({ status: 401, challenge: 'Basic realm="Registry"' })
    const refused = { headers: { Authorization: `Basic ${btoa('anna:wrong')}` } }
    expect(await ask(page, berth, 'DELETE', '/v2/a/manifests/1', refused)).toMatchObject({ status: 401 })
  })

  test('of an origin that is not allowed gets nothing', async () => {
    await using berth = await start()
    const page = await browser.open(`http://localhost:${pages.port}/`)
    expect(await ask(page, berth, 'GET', '/v2/_catalog')).toBe('refused by the browser' as unknown as Answer)
  })
})
