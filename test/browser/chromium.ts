/**
 * A real browser without a screen: Debian's Chromium, driven by its own DevTools protocol. As much of it as the tests
 * need: open a page, run a script in it, answer its password prompt.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon } from '../tools/command.ts'
import { until } from '../until.ts'

export interface Browser extends AsyncDisposable {
  /** A page of its own, without cookies and passwords of the others. */
  open(url: string, options?: PageOptions): Promise<Page>
}

export interface PageOptions {
  /** What a person types into the password prompt; without it the prompt is cancelled. */
  readonly login?: { readonly username: string; readonly password: string }
}

export interface Page {
  /** Runs an expression in the page, waits for its promise, and gives its value as JSON would. */
  evaluate(expression: string): Promise<unknown>
}

/** Throws when it does not start within half a minute. */
export async function startBrowser(chromium: string): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-browser-'))
  const place = [`--user-data-dir=${folder}/profile`, '--remote-debugging-port=0']
  // Root may not have Chromium's sandbox; and /dev/shm is small in containers.
  const quiet = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
  ]
  const daemon = startDaemon(chromium, [...quiet, ...place, 'about:blank'], { logFile: join(folder, 'log') })
  const endpoint = () => /DevTools listening on (ws:\S+)/.exec(daemon.log())?.[1]
  await until('Chromium listens', () => endpoint() !== undefined, { withinMilliseconds: 30_000 })
  const connection = await Connection.open(endpoint() ?? '')
  return {
    open: (url, options = {}) => openPage(connection, url, options),
    async [Symbol.asyncDispose]() {
      connection.close()
      await daemon.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openPage(connection: Connection, url: string, { login }: PageOptions): Promise<Page> {
  const context = await connection.call('Target.createBrowserContext', {})
  const { browserContextId } = context as { browserContextId: string }
  const created = await connection.call('Target.createTarget', { url: 'about:blank', browserContextId })
  const { targetId } = created as { targetId: string }
  const attached = await connection.call('Target.attachToTarget', { targetId, flatten: true })
  const { sessionId } = attached as { sessionId: string }
  const call = (method: string, params: object) => connection.call(method, params, sessionId)
  connection.listen(sessionId, (method, { requestId }) => answerPrompt(call, method, requestId, login))
  // Every request stops for a moment: only so does Chromium hand its password prompt to us.
  await call('Fetch.enable', { handleAuthRequests: true, patterns: [{ urlPattern: '*' }] })
  const page: Page = { evaluate: (expression) => evaluate(call, expression) }
  await call('Page.navigate', { url })
  const isThere = async () =>
    (await page.evaluate('document.readyState + location.href')) === `complete${url}`
  await until(`the page ${url} is there`, isThere)
  return page
}

type Call = (method: string, params: object) => Promise<unknown>

async function answerPrompt(
  call: Call,
  event: string,
  requestId: string | undefined,
  login: PageOptions['login'],
): Promise<void> {
  if (event === 'Fetch.requestPaused') await call('Fetch.continueRequest', { requestId })
  if (event !== 'Fetch.authRequired') return
  const typed =
    login === undefined ? { response: 'CancelAuth' } : { response: 'ProvideCredentials', ...login }
  await call('Fetch.continueWithAuth', { requestId, authChallengeResponse: typed })
}

interface Evaluated {
  readonly result: { readonly value?: unknown }
  readonly exceptionDetails?: { readonly exception?: { readonly description?: string } }
}

async function evaluate(call: Call, expression: string): Promise<unknown> {
  const options = { expression, awaitPromise: true, returnByValue: true }
  const { result, exceptionDetails } = (await call('Runtime.evaluate', options)) as Evaluated
  if (exceptionDetails !== undefined)
    throw new Error(exceptionDetails.exception?.description ?? 'a script failed')
  return result.value
}

interface EventParameters {
  /** Of the events that concern requests. */
  readonly requestId?: string
}

type Listener = (event: string, parameters: EventParameters) => Promise<void>

interface Message {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
  readonly method?: string
  readonly sessionId?: string
  readonly params?: EventParameters
}

/** One WebSocket for all pages: calls by number, and what the browser tells by itself. */
class Connection {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #listeners = new Map<string, Listener>()
  #calls = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(String(data)) as Message)
    socket.onclose = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium has closed the connection'))
    }
  }

  static open(url: string): Promise<Connection> {
    const socket = new WebSocket(url)
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Connection(socket))
      socket.onerror = () => reject(new Error(`Chromium does not answer at ${url}`))
    })
  }

  call(method: string, params: object, sessionId?: string): Promise<unknown> {
    this.#calls += 1
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(this.#calls, waiting)
    this.#socket.send(JSON.stringify({ id: this.#calls, method, params, sessionId }))
    return waiting.promise
  }

  /** One listener for each page. */
  listen(sessionId: string, listener: Listener): void {
    this.#listeners.set(sessionId, listener)
  }

  close(): void {
    this.#socket.close()
  }

  #heard({ id, result, error, method, sessionId, params }: Message): void {
    if (id === undefined) {
      const heard = this.#listeners.get(sessionId ?? '')?.(method ?? '', params ?? {})
      heard?.catch(() => {}) // The page was gone by the time that its event was answered.
      return
    }
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }
}
