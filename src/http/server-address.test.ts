/** Where a server listens: an address that it has alone or with other workers, a Unix socket, and what it refuses. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CannotListen, formatAddress, isAnswering } from './address.ts'
import { RawConnection, serveForTest, textReply } from './raw-client.support.ts'

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'

describe('an address', () => {
  test('that is empty means all of this machine', async () => {
    const server = await serveForTest(() => textReply(200, 'here'), {
      address: { kind: 'tcp', hostname: '', port: 0 },
    })
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await (await fetch(`http://${host}:${server.port}/`)).text()).toBe('here')
    }
    expect(await (await fetch(`${server.url}/v2/`)).text()).toBe('here')
    await server.stop({ graceMilliseconds: 0 })
  })

  test('that another program has is not shared in silence', async () => {
    const first = await serveForTest(() => textReply(200, 'first'))
    for (const hostname of ['127.0.0.1', '', '0.0.0.0']) {
      const address = { kind: 'tcp', hostname, port: first.port ?? 0 } as const
      const second = serveForTest(() => textReply(200, 'second'), { address })
      await expect(second).rejects.toMatchObject({ name: 'CannotListen', problem: 'in-use', address })
    }
    await first.stop({ graceMilliseconds: 0 })
  })

  test('that workers share is shared', async () => {
    const first = await serveForTest(() => textReply(200, 'x'), { reusePort: true })
    const address = { kind: 'tcp', hostname: '127.0.0.1', port: first.port ?? 0 } as const
    const second = await serveForTest(() => textReply(200, 'x'), { reusePort: true, address })
    expect(second.port).toBe(first.port)
    await Promise.all([first, second].map((server) => server.stop({ graceMilliseconds: 0 })))
  })

  test('that is not of this machine is refused with a sentence', async () => {
    const address = { kind: 'tcp', hostname: '192.0.2.1', port: 0 } as const
    await expect(serveForTest(() => textReply(200, 'x'), { address })).rejects.toThrow(
      'Cannot listen on 192.0.2.1:0: this machine has no such address.',
    )
  })

  test.each([
    ['', '[::]:5000'],
    ['::1', '[::1]:5000'],
    ['[::1]', '[::1]:5000'],
    ['127.0.0.1', '127.0.0.1:5000'],
  ])('%p is written as %s', (hostname, text) => {
    expect(formatAddress({ kind: 'tcp', hostname, port: 5000 })).toBe(text)
  })
})

describe('a Unix socket', () => {
  let folder: string
  const serve = (path: string) =>
    serveForTest((request) => textReply(200, `to ${request.remoteAddress}`), {
      address: { kind: 'unix', path },
    })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-socket-'))
  })

  afterAll(() => rm(folder, { recursive: true }))

  test('answers, and is gone afterwards', async () => {
    const path = join(folder, 'a.sock')
    const server = await serve(path)
    expect(server).toMatchObject({ port: null, url: `unix://${path}` })
    const connection = new RawConnection({ path })
    await connection.write(GET)
    await connection.until('to null')
    await server.stop({ graceMilliseconds: 0 })
    expect(existsSync(path)).toBe(false)
  })

  test('that a killed server left behind is taken over', async () => {
    const path = join(folder, 'b.sock')
    const script = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log('up')`
    const left = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
    for await (const _ of left.stdout) break
    left.kill('SIGKILL')
    await left.exited
    expect(existsSync(path)).toBe(true)
    const server = await serve(path)
    expect(await isAnswering({ kind: 'unix', path })).toBe(true)
    await server.stop({ graceMilliseconds: 0 })
  })

  test('that another program answers on is left alone', async () => {
    const path = join(folder, 'c.sock')
    const server = await serve(path)
    await expect(serve(path)).rejects.toMatchObject({ problem: 'in-use' })
    expect(await isAnswering({ kind: 'unix', path })).toBe(true)
    await server.stop({ graceMilliseconds: 0 })
  })

  test('does not take the place of a file', async () => {
    const path = join(folder, 'd.sock')
    await writeFile(path, 'precious')
    await expect(serve(path)).rejects.toMatchObject({ problem: 'not-a-socket' })
    expect(await Bun.file(path).text()).toBe('precious')
  })

  test('has a path that fits', async () => {
    await expect(serve(join(folder, 'x'.repeat(120)))).rejects.toBeInstanceOf(CannotListen)
    await expect(serve(join(folder, 'x'.repeat(120)))).rejects.toMatchObject({ problem: 'path-too-long' })
  })
})

test('nobody answers where nobody listens', async () => {
  const silent = net.createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(await isAnswering({ kind: 'tcp', hostname: '', port })).toBe(true)
  await new Promise((resolve) => silent.close(resolve))
  expect(await isAnswering({ kind: 'tcp', hostname: '', port })).toBe(false)
})
