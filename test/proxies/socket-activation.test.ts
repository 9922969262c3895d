/** systemd opens the port, and systemd-socket-proxyd hands each connection on to Berth's Unix socket. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort, launchBerth } from '../berth-server.ts'
import { content, MEDIA_TYPES, noise } from '../clients/images.ts'
import { startDaemon } from '../tools/command.ts'
import { describeUnless } from '../tools/describe-with.ts'
import { findTool } from '../tools/find-tool.ts'
import { until } from '../until.ts'
import { asStream } from './uploads.ts'

/** Not in any PATH. */
const PROXYD = '/lib/systemd/systemd-socket-proxyd'
const ACTIVATE = findTool('systemd-socket-activate')
const obstacles = existsSync(PROXYD) && ACTIVATE !== null ? [] : ['on Debian: apt-get install systemd']

setDefaultTimeout(60_000)

describeUnless('Socket activation', obstacles, () => {
  test('an upload goes through the socket that systemd has opened', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-activation-'))
    const socket = join(folder, 'berth.sock')
    await using berth = await launchBerth({ env: { REGISTRY_HTTP_ADDR: `unix:${socket}` } })
    await until('Berth has its socket', () => existsSync(socket))
    const port = await findFreePort()
    const logFile = join(folder, 'log')
    const listen = ['--listen', `127.0.0.1:${port}`, PROXYD, socket]
    const systemd = startDaemon(ACTIVATE ?? '', listen, { logFile })
    await until('systemd listens', () => systemd.log().includes('Listening on'))
    const front = { url: `http://127.0.0.1:${port}`, certificate: null }
    const blob = content(MEDIA_TYPES.layer.none, noise('activated', 1_000_000))
    await asStream(front, 'activated', blob)
    const answer = await fetch(`${front.url}/v2/activated/blobs/${blob.digest}`)
    expect(Bun.deepEquals(await answer.bytes(), blob.bytes)).toBe(true)
    expect(berth.log()).toContain('/v2/activated/blobs/uploads/')
    await systemd.stop()
    rmSync(folder, { recursive: true, force: true })
  })
})
