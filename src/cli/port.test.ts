import { expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import { requireFreePort } from './port.ts'

async function listening(port: number): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve))
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function local(port: number) {
  return { kind: 'tcp', hostname: '127.0.0.1', port } as const
}

test('a taken port is named with its holder, and a free one is offered', async () => {
  const server = await listening(0)
  const port = portOf(server)
  const error = await requireFreePort(local(port), null).catch((reason: unknown) => reason)
  server.close()
  expect(error).toMatchObject({ exitCode: 1 })
  const { message } = error as Error
  expect(message).toStartWith(`Port ${port} is taken by process ${process.pid} (`)
  expect(message).toContain('test')
  expect(message).toMatch(/Stop it, or use one that is free: --addr 127\.0\.0\.1:\d+$/)
})

test('a port that several processes share is taken too', async () => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: true, fetch: () => new Response() })
  const claim = requireFreePort(local(server.port ?? 0), null)
  await expect(claim).rejects.toThrow(`Port ${server.port} is taken`)
  await server.stop(true)
})

test('a free port is itself, and port 0 becomes a number', async () => {
  const { port } = (await requireFreePort(local(0), null)) as { port: number }
  expect(port).toBeGreaterThan(0)
  expect(await requireFreePort(local(port), null)).toEqual(local(port))
})

test('an address that this machine does not have is refused', async () => {
  const elsewhere = { kind: 'tcp', hostname: '192.0.2.7', port: 5000 } as const
  await expect(requireFreePort(elsewhere, null)).rejects.toThrow('this machine has no such address')
})

test.each([
  ['a registry', { '/v2/': 'registry/2.0' }, ': it is a registry that is already running. Stop it, or'],
  ['another web server', {}, '). Stop it, or'],
])('%s that answers on it is told by what it says', async (_, pages: Record<string, string>, sentence) => {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const version = pages[new URL(request.url).pathname]
      if (version === undefined) return new Response('', { status: 404 })
      return new Response('{}', { status: 401, headers: { 'docker-distribution-api-version': version } })
    },
  })
  await expect(requireFreePort(local(server.port ?? 0), null)).rejects.toThrow(sentence)
  await server.stop(true)
})
