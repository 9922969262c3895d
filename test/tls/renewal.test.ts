/** A certificate is renewed while Berth runs, with one process and with several, and SIGHUP reads again what can be. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { makeSelfSigned } from '../certificate-files.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until, untilLogged } from '../until.ts'
import { putInPlace, startSecuredBerth } from './secured-berth.ts'

setDefaultTimeout(60_000)

/** More often than there are workers, for the kernel chooses who answers. */
const LOOKS = 12

/** The common names that new connections are shown. */
async function shownNames({ port }: BerthServer): Promise<string[]> {
  const names = []
  for (let look = 0; look < LOOKS; look++) names.push(await shownName(port))
  return [...new Set(names)]
}

/** Who is in the middle of a handshake just when the old server ends has to try again: that shows nothing. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', () => resolve('nothing'))
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
  })
}

describeWith('a renewed certificate', ['openssl'], ({ openssl }) => {
  test.each(['1', '2'])(
    'is noticed by itself, and requests in flight end as they began (workers: %s)',
    async (workers) => {
      await using secured = await startSecuredBerth(openssl, { BERTH_WORKERS: workers })
      const { berth, files, folder, trusting } = secured
      const renewed = await makeSelfSigned(openssl, folder, { name: 'renewed' })
      const begun = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { ...trusting, method: 'POST' })
      const location = new URL(begun.headers.get('location') ?? '', berth.url)
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const patched = fetch(location, { ...trusting, method: 'PATCH', body: readable })
      const writer = writable.getWriter()
      await writer.write(new Uint8Array(100_000))
      putInPlace(renewed, files)
      await until(
        'every new connection is shown the new one',
        async () => (await shownNames(berth)).join() === 'renewed',
        {
          withinMilliseconds: 20_000,
        },
      )
      await writer.write(new Uint8Array(100_000))
      await writer.close()
      const answer = await patched
      expect([answer.status, answer.headers.get('range')]).toEqual([202, '0-199999'])
      await untilLogged(berth, 'a new certificate is in use')
    },
  )

  test('of which only one half is there is not taken, and the log says so', async () => {
    await using secured = await startSecuredBerth(openssl)
    const { berth, files, folder } = secured
    const renewed = await makeSelfSigned(openssl, folder, { name: 'renewed' })
    copyFileSync(renewed.certificate, files.certificate)
    berth.signal('SIGHUP')
    await until('the log says so', () => berth.log().includes('the new certificate is not used'))
    await untilLogged(berth, 'what can be read again was read, but not the certificates')
    expect(await shownNames(berth)).toEqual(['served'])
    copyFileSync(renewed.key, files.key)
    await until('the new one is shown', async () => (await shownNames(berth)).join() === 'renewed', {
      withinMilliseconds: 20_000,
    })
  })
})

test.each(['1', '2'])(
  'SIGHUP applies the log’s level, and names what needs a restart (workers: %s)',
  async (workers) => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-reload-'))
    const file = join(folder, 'config.yml')
    const settings = (level: string, more = '') =>
      `version: 0.1\nlog:\n  level: ${level}\nstorage:\n  filesystem:\n    rootdirectory: ${folder}/data\n${more}`
    writeFileSync(file, settings('info'))
    await using berth = await startBerth({
      args: [file],
      env: { BERTH_WORKERS: workers, REGISTRY_CONFIGURATION_PATH: '' },
    })
    writeFileSync(file, settings('warn', 'catalog:\n  maxentries: 7\n'))
    berth.signal('SIGHUP')
    await until('the log names what has changed', () =>
      berth.log().includes('restart Berth to apply what has changed: catalog.maxentries'),
    )
    await (await fetch(`${berth.url}/v2/_catalog`)).text()
    await (await fetch(`${berth.url}/v2/nobody/tags/list`)).text()
    await until('the refusal is logged', () => berth.log().includes('http.request.uri=/v2/nobody/tags/list'))
    expect(berth.log()).not.toContain('http.request.uri=/v2/_catalog')
    rmSync(folder, { recursive: true, force: true })
  },
)
