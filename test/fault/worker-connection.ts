/**
 * One connection to a worker of choice. The kernel spreads connections over the workers by their ports, so new
 * ones are made until the worker has got one.
 */
import { connect, type Socket } from 'node:net'
import { parseResponses, type RawResponse } from '../../src/http/raw-client.support.ts'
import type { BerthServer } from '../berth-server.ts'
import { until } from '../until.ts'
import { holdsConnection } from './processes.ts'

/** With two workers one in 2^100 tests fails for nothing. */
const MOST_ATTEMPTS = 100

/** Throws when the worker gets none of many connections. */
export async function connectTo(berth: BerthServer, worker: number): Promise<WorkerConnection> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const connection = new WorkerConnection(berth)
    // The kernel gives a connection to a worker when there is something to read.
    await connection.request('GET', '/healthz')
    if (holdsConnection(worker, berth.port, connection.port)) return connection
    connection[Symbol.dispose]()
  }
  throw new Error(`Worker ${worker} got none of ${MOST_ATTEMPTS} connections.`)
}

/** Sends one request after another on one connection. */
export class WorkerConnection implements Disposable {
  readonly #berth: BerthServer
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false

  constructor(berth: BerthServer) {
    this.#berth = berth
    this.#socket = connect({ host: '127.0.0.1', port: berth.port })
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#isClosed = true
    })
  }

  /** The client's, once an answer has come. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Throws when the connection is closed before the answer is whole. */
  async request(method: string, address: string, body: Uint8Array = new Uint8Array()): Promise<RawResponse> {
    this.#received = Buffer.alloc(0)
    this.begin(method, address, body.length)
    this.send(body)
    let answer: RawResponse | undefined
    await until(`${method} ${address} is answered`, () => {
      answer = parseResponses(this.#received).find((each) => each.isWhole)
      return answer !== undefined || this.#isClosed
    })
    if (answer === undefined) throw new Error(`${method} ${address}: the connection was closed`)
    return answer
  }

  /** The head of a request whose body of `length` bytes is yet to come. */
  begin(method: string, address: string, length: number): void {
    const { pathname, search } = new URL(address, this.#berth.url)
    const head = [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${this.#berth.host}`]
    this.#socket.write([...head, `Content-Length: ${length}`, '', ''].join('\r\n'))
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
