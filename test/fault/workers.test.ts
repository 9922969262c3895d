/** With workers, one of Berth's processes may die alone: what was acknowledged stays, and pushes go on. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { until } from '../until.ts'
import { expectPromisesKept, Ledger, pushRound, pushWhile, RecordingClient } from './ledger.ts'

const CLIENTS = 4

setDefaultTimeout(60_000)

function childrenOf(berth: BerthServer): number[] {
  return berth.processes().filter((pid) => pid !== berth.pid)
}

/** Kills one process in the midst of pushes, and waits until another has taken its place. */
async function killDuringPushes(
  berth: BerthServer,
  victim: number,
  ledgers: readonly Ledger[],
): Promise<void> {
  const before = childrenOf(berth).length
  let goesOn = true
  // All push the same content, each to a repository of its own.
  const clients = ledgers.map((ledger) =>
    pushWhile(() => goesOn, new RecordingClient(berth.url, ledger), `victim ${victim}`),
  )
  const promisedBefore = ledgers.map((ledger) => ledger.blobs.size)
  await until('every client has pushed something', () =>
    ledgers.every((ledger, at) => ledger.blobs.size > (promisedBefore[at] ?? 0)),
  )
  process.kill(victim, 'SIGKILL')
  await until('the dead process is replaced', () => {
    const children = childrenOf(berth)
    return !children.includes(victim) && children.length === before
  })
  goesOn = false
  await Promise.all(clients)
}

test('a worker or writer that is killed in the midst of pushes takes nothing along', async () => {
  await using berth = await startBerth({ env: { BERTH_WORKERS: '2' } })
  const children = childrenOf(berth)
  expect(children).toHaveLength(3)
  const ledgers = Array.from({ length: CLIENTS }, (_, at) => new Ledger(`fault/client${at}`))
  for (const victim of children) {
    await killDuringPushes(berth, victim, ledgers)
    for (const ledger of ledgers) await expectPromisesKept(berth.url, ledger)
  }
  await pushRound(new RecordingClient(berth.url, new Ledger()), 'afterwards')
})
