/** Who may connect to a Unix socket, and what is said where it cannot be made. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cannotListen } from './address.ts'
import { serveForTest, textReply } from './raw-client.support.ts'

let folder: string
const umask = process.umask()
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-address-'))
})
afterAll(() => {
  process.umask(umask)
  rmSync(folder, { recursive: true })
})

const serve = (path: string) =>
  serveForTest(() => textReply(200, ''), { address: { kind: 'unix', path: join(folder, path) } })

test.each([
  [0o022, 0o666],
  [0o027, 0o660],
  [0o077, 0o600],
  [0o000, 0o666],
])('with the umask %o a socket has the mode %o: who may read may connect', async (mask, mode) => {
  process.umask(mask)
  const server = await serve('mode.sock')
  expect(statSync(join(folder, 'mode.sock')).mode & 0o777).toBe(mode)
  await server.stop({ graceMilliseconds: 0 })
})

test('a socket in a folder that is not there says so', async () => {
  await expect(serve('nowhere/a.sock')).rejects.toMatchObject({ problem: 'no-such-folder' })
})

test('what the system refuses for a reason that nobody foresaw is told with that reason', () => {
  const { message } = cannotListen({ kind: 'tcp', hostname: '', port: 5000 }, new Error('out of sockets'))
  expect(message).toBe('Cannot listen on [::]:5000: the system refused (out of sockets).')
})
