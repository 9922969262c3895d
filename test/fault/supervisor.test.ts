/** Berth as several processes, when the one that watches over them is killed or stopped, or its output is lost. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthServer, FROM_SOURCE, launchBerth, startBerth } from '../berth-server.ts'
import { buildImage } from '../clients/images.ts'
import { pushImage } from '../clients/push.ts'
import { expectServed } from '../clients/registry-contents.ts'
import { until } from '../until.ts'
import { Ledger, pushRound, pushUntilLost, RecordingClient } from './ledger.ts'
import { childrenOf, countListeners, listenersOn, TWO_WORKERS } from './processes.ts'
import { expectNothingHalf, expectPromisesKept, finishUploads } from './promises.ts'

setDefaultTimeout(60_000)

const image = buildImage([
  { files: new Map([['a', new TextEncoder().encode('supervisor')]]), compression: 'none' },
])

/** Asks over many new connections, and gives the ids under which the answers were logged. */
async function askOften(berth: BerthServer): Promise<string[]> {
  const answers = Array.from({ length: 50 }, () => fetch(`${berth.url}/v2/`, { keepalive: false }))
  return (await Promise.all(answers)).map((answer) => answer.headers.get('x-request-id') ?? '')
}

test('when the supervisor is killed in the midst of pushes its children end, and the next Berth has the port to itself', async () => {
  await using first = await startBerth({ env: TWO_WORKERS })
  const ledgers = [new Ledger('fault/one'), new Ledger('fault/two')]
  const pushing = ledgers.map((ledger) =>
    pushUntilLost(new RecordingClient(first.url, ledger), 'supervisor', 1000),
  )
  await until('every client has been promised something', () =>
    ledgers.every(({ manifests }) => manifests.size > 0),
  )
  first.signal('SIGKILL')
  await until('workers and writer have ended', () => first.processes().length === 0)
  await Promise.all(pushing)
  const env = { ...TWO_WORKERS, REGISTRY_LOG_LEVEL: 'debug' }
  await using next = await startBerth({ env, data: first.data, port: first.port })
  expect(countListeners(next.port)).toBe(2)
  expect(listenersOn(next.port, next.processes())).toEqual(childrenOf(next, 'worker'))
  const ids = await askOften(next)
  await until('the next Berth has logged every request', () => ids.every((id) => next.log().includes(id)))
  for (const ledger of ledgers) {
    await expectPromisesKept(next.url, ledger)
    await expectNothingHalf(next.url, ledger)
    await finishUploads(next.url, ledger)
    await pushRound(new RecordingClient(next.url, ledger), 'afterwards')
  }
})

test('children whose supervisor is killed before they are ready end too', async () => {
  await using berth = await launchBerth({ env: TWO_WORKERS })
  await until('there is a child', () => berth.processes().length > 1)
  berth.signal('SIGKILL')
  await until('every process has ended', () => berth.processes().length === 0)
})

test.each(['worker', 'writer'] as const)(
  'SIGTERM while a %s is being replaced ends the whole',
  async (kind) => {
    await using berth = await startBerth({ env: TWO_WORKERS })
    const [victim = 0] = childrenOf(berth, kind)
    process.kill(victim, 'SIGKILL')
    await until('its end is noticed', () => berth.log().includes('starting it again'))
    const { code, milliseconds } = await berth.stop()
    expect(code).toBe(0)
    expect(milliseconds).toBeLessThan(5000)
    expect(berth.processes()).toEqual([])
  },
)

/** Berth, whose output goes to a program that ends as soon as it has read one line. */
const FOR_A_SHORT_READER = ['bash', '-c', '"$@" 2>&1 | grep -m 1 "listening on"', 'berth', ...FROM_SOURCE]

/** Has something to be logged by the supervisor too. */
async function replaceAWorker(berth: BerthServer): Promise<void> {
  const before = childrenOf(berth, 'worker')
  process.kill(before[0] ?? 0, 'SIGKILL')
  await until('the worker is replaced', () => {
    const now = listenersOn(berth.port, childrenOf(berth, 'worker'))
    return now.length === before.length && !now.includes(before[0] ?? 0)
  })
}

test.each([
  ['one process', {}],
  ['two workers', TWO_WORKERS],
])('whoever stops reading the output does not stop Berth (%s)', async (_, workers) => {
  const env = { ...workers, REGISTRY_LOG_LEVEL: 'debug' }
  await using berth = await startBerth({ env, program: FOR_A_SHORT_READER })
  if (workers === TWO_WORKERS) await replaceAWorker(berth)
  const processes = berth.processes()
  await pushImage(berth.url, 'team/app', '1.0', image)
  await expectServed(berth.url, 'team/app', '1.0', image)
  expect(berth.processes()).toEqual(processes)
})
