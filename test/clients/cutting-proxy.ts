/**
 * A bad network: a TCP proxy on loopback that forwards to a registry and drops the first connections that
 * carry much data, in the middle. What the client had sent until then has reached the registry.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** Connections dropped so far. */
  cuts(): number
}

export interface Cut {
  /** Which way the bytes go that are counted. */
  readonly direction: 'upload' | 'download'
  /** A connection is dropped after this many bytes. */
  readonly afterBytes: number
  /** How many connections are dropped; later ones pass. */
  readonly times: number
}

/** Starts a proxy to `target` (`127.0.0.1:<port>`). */
export async function startCuttingProxy(target: string, cut: Cut): Promise<CuttingProxy> {
  const targetPort = Number(new URL(`http://${target}`).port)
  const open = new Set<Socket>()
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort })
    const pair = [client, upstream]
    let seen = 0
    const drop = () => {
      for (const socket of pair) {
        socket.destroy()
        open.delete(socket)
      }
    }
    for (const socket of pair) {
      open.add(socket)
      socket.on('error', drop)
      socket.on('close', drop)
    }
    const counted = cut.direction === 'upload' ? client : upstream
    counted.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen <= cut.afterBytes || cuts >= cut.times) return
      cuts += 1
      drop()
    })
    client.pipe(upstream)
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
