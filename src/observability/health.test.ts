import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../test/until.ts'
import { Health, type HealthCheck } from './health.ts'
import { fileCheck, httpCheck, tcpCheck } from './health-checks.ts'

const NEVER = new AbortController().signal

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function healthOf(checks: readonly HealthCheck[]): { health: Health; news: (string | null)[] } {
  const news: (string | null)[] = []
  const health = new Health(checks, { onChange: (_, problem) => news.push(problem) })
  closers.push(() => health.stop())
  return { health, news }
}

/** A check that gives what `outcomes` says, one after another, and then the last for ever. */
function scripted(outcomes: readonly boolean[], threshold: number): HealthCheck & { looks: number } {
  return {
    name: 'scripted',
    everyMilliseconds: 2,
    threshold,
    looks: 0,
    look() {
      const isWell = outcomes[Math.min(this.looks, outcomes.length - 1)]
      this.looks++
      return isWell === true ? Promise.resolve() : Promise.reject(new Error('not well'))
    },
  }
}

describe('a check', () => {
  test('makes the server unhealthy when it fails as often in a row as its threshold says', async () => {
    const check = scripted([false, false, true, false, false, true], 3)
    const { health, news } = healthOf([check])
    await until('it has looked often', () => check.looks > 8)
    expect(health.isWell).toBe(true)
    expect(news).toEqual([])
  })

  test('that fails on says so once, and the server recovers by itself', async () => {
    const check = { ...scripted([true], 2), isSick: true }
    const look = () => (check.isSick ? Promise.reject(new Error('not well')) : Promise.resolve())
    const { health, news } = healthOf([{ ...check, look }])
    await until('it is unhealthy', () => !health.isWell)
    expect(health.problems).toEqual({ scripted: 'not well' })
    check.isSick = false
    await until('it is well again', () => health.isWell)
    expect(news).toEqual(['not well', null])
  })

  test('that succeeds does not speak for another of its name', async () => {
    const well = scripted([true], 1)
    const { health } = healthOf([scripted([false], 1), well])
    await until('both have looked often', () => well.looks > 8)
    expect(health.problems).toEqual({ scripted: 'not well' })
  })

  test('of a file fails while the file is there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-health-'))
    closers.push(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'maintenance')
    const { health } = healthOf([fileCheck({ file, everyMilliseconds: 5 })])
    writeFileSync(file, '')
    await until('it is unhealthy', () => !health.isWell)
    expect(health.problems).toEqual({ [file]: 'file exists' })
    rmSync(file)
    await until('it is well again', () => health.isWell)
  })

  test('of an address fails while nobody listens there', async () => {
    const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
    const address = `127.0.0.1:${server.port}`
    const { health } = healthOf([
      tcpCheck({ address, timeoutMilliseconds: 500, everyMilliseconds: 5, threshold: 2 }),
    ])
    server.stop(true)
    await until('it is unhealthy', () => !health.isWell)
    expect(health.problems).toEqual({ [address]: `connection to ${address} failed` })
  })

  test('of a web address wants its status, is a HEAD with its headers, and has a limit', async () => {
    const asked: string[] = []
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        asked.push(`${request.method} ${request.headers.get('x-probe')}`)
        if (request.url.endsWith('/silent')) await new Promise(() => {})
        return new Response(null, { status: 204 })
      },
    })
    closers.push(() => server.stop(true))
    const check = (path: string, statusCode: number, timeoutMilliseconds = 10_000) =>
      httpCheck({
        uri: `${server.url.href}${path}`,
        headers: { 'x-probe': ['yes'] },
        statusCode,
        timeoutMilliseconds,
        everyMilliseconds: 1000,
        threshold: 1,
      })
    await check('well', 204).look(NEVER)
    expect(asked).toEqual(['HEAD yes'])
    await expect(check('well', 200).look(NEVER)).rejects.toThrow(
      'downstream service returned unexpected status: 204',
    )
    const silent = `error while checking: ${server.url.href}silent`
    await expect(check('silent', 204, 50).look(NEVER)).rejects.toThrow(silent)
  })

  test('that hangs is not waited for when the server stops, and says nothing any more', async () => {
    let connections = 0
    const socket = { data() {}, open: () => void connections++ }
    const server = Bun.listen({ hostname: '127.0.0.1', port: 0, socket })
    closers.push(() => server.stop(true))
    const check = httpCheck({
      uri: `http://127.0.0.1:${server.port}/`,
      headers: {},
      statusCode: 200,
      timeoutMilliseconds: 600_000,
      everyMilliseconds: 5,
      threshold: 1,
    })
    const { health, news } = healthOf([check])
    await until('it looks a second time', () => connections === 2)
    await health.stop()
    expect(news).toEqual([])
  })
})
