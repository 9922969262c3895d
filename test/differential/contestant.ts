/** One registry that the scripts talk to: sends what they say, byte for byte, and remembers the addresses that it hands out. */
import { parseResponse, RawConnection, type RawResponse } from '../../src/http/raw-client.support.ts'
import { bytesOf, fillIn } from './contents.ts'
import type { ScriptedRequest } from './script.ts'

const PATIENCE = 10_000
const BODIED = new Set(['POST', 'PUT', 'PATCH'])

/** Where a registry listens, on loopback. */
export interface Ports {
  readonly main: number
  /** Its debug server's. */
  readonly debug: number
}

export class Contestant {
  readonly name: string
  readonly #ports: Ports
  readonly #isEncrypted: boolean
  readonly #locations = new Map<string, string>()

  constructor(name: string, ports: Ports, isEncrypted: boolean) {
    this.name = name
    this.#ports = ports
    this.#isEncrypted = isEncrypted
  }

  /** Throws where the script goes on with a Location that this registry never gave. */
  async send(request: ScriptedRequest): Promise<RawResponse> {
    const connection = new RawConnection(
      isForDebug(request)
        ? { port: this.#ports.debug }
        : { port: this.#ports.main, isEncrypted: this.#isEncrypted },
    )
    try {
      await connection.write(this.#bytesOf(request))
      const response = parseResponse(await connection.closed(PATIENCE))
      this.#keep(request, response)
      return response
    } catch (error) {
      throw new Error(`${request.place}: ${this.name} did not answer ${request.method} ${request.target}`, {
        cause: error,
      })
    } finally {
      connection.destroy()
    }
  }

  #bytesOf(request: ScriptedRequest): Uint8Array {
    const lines = [
      `${request.method} ${this.#targetOf(request)} HTTP/1.1`,
      `Host: 127.0.0.1:${this.#ports.main}`,
      'Connection: close',
      ...request.headers.map(([name, value]) => `${name}: ${fillIn(value)}`),
    ]
    const { head, body } = framed(request)
    return Buffer.concat([Buffer.from([...lines, ...head, '', ''].join('\r\n'), 'latin1'), body])
  }

  #targetOf({ target, place }: ScriptedRequest): string {
    const [, name, rest = ''] = /^@([\w-]+)(.*)$/.exec(target) ?? []
    if (name === undefined) return fillIn(target).replace(TO_DEBUG, '')
    const location = this.#locations.get(name)
    if (location === undefined) throw new Error(`${place}: ${this.name} gave no Location for ${name}`)
    return location + fillIn(location.includes('?') ? rest.replace(/^\?/, '&') : rest)
  }

  #keep({ keep }: ScriptedRequest, { headers }: RawResponse): void {
    const location = headers['location']
    if (keep === null || location === undefined) return
    const { pathname, search } = new URL(location, 'http://any')
    this.#locations.set(keep, pathname + search)
  }
}

/** What is before the path of a request to the debug server. */
const TO_DEBUG = /^debug:/

function isForDebug({ target }: ScriptedRequest): boolean {
  return TO_DEBUG.test(target)
}

/** A client says how long a body is, also where there is none; a chunked one comes in two chunks where it can. */
function framed({ method, body, headers }: ScriptedRequest): { head: string[]; body: Uint8Array } {
  const bytes = body === null ? new Uint8Array() : bytesOf(body.content)
  if (body?.isChunked) return { head: ['Transfer-Encoding: chunked'], body: chunked(bytes) }
  const saysLength = headers.some(([name]) => name.toLowerCase() === 'content-length')
  const isSilent = saysLength || (body === null && !BODIED.has(method))
  return { head: isSilent ? [] : [`Content-Length: ${bytes.length}`], body: bytes }
}

function chunked(bytes: Uint8Array): Uint8Array {
  const middle = Math.ceil(bytes.length / 2)
  const parts = [bytes.subarray(0, middle), bytes.subarray(middle)].filter((part) => part.length > 0)
  const chunks = parts.flatMap((part) => [`${part.length.toString(16)}\r\n`, part, '\r\n'])
  return Buffer.concat([...chunks, '0\r\n\r\n'].map((part) => Buffer.from(part)))
}
