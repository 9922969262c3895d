import { expect, test } from 'bun:test'
import { FairQueue, QueueFull } from './fair-queue.ts'
import { nextTurn } from './next-turn.ts'

const USUAL = { atOnce: 1, mostInLane: 10, mostWaiting: 20, patienceMilliseconds: 60_000 }

/** Work that runs until it is let go, and says when it began. */
function openGate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { promise, open: () => resolve() }
}

test('no more runs at once than is allowed, and what fails makes room too', async () => {
  const queue = new FairQueue({ ...USUAL, atOnce: 2, mostInLane: 100, mostWaiting: 100 })
  let running = 0
  let most = 0
  const work = async (index: number) => {
    most = Math.max(most, ++running)
    await nextTurn()
    running--
    if (index % 3 === 0) throw new Error('failed')
  }
  const all = Array.from({ length: 20 }, (_, index) => queue.run('a', () => work(index)))
  const results = await Promise.allSettled(all)
  expect(results.filter(({ status }) => status === 'rejected').length).toBe(7)
  expect(most).toBe(2)
  expect(running).toBe(0)
})

test('lanes take turns, and preferred work goes before all', async () => {
  const queue = new FairQueue(USUAL)
  const gate = openGate()
  const order: string[] = []
  const first = queue.run('flood', () => gate.promise)
  const rest = [
    ['flood', 'flood 1'],
    ['flood', 'flood 2'],
    ['flood', 'flood 3'],
    ['other', 'other 1'],
    ['other', 'other 2'],
    [null, 'preferred'],
  ].map(([lane = null, name]) => queue.run(lane, async () => void order.push(String(name))))
  gate.open()
  await Promise.all([first, ...rest])
  expect(order).toEqual(['preferred', 'flood 1', 'other 1', 'flood 2', 'other 2', 'flood 3'])
})

test('a lane that is full refuses, and takes nothing from the others; altogether there is a limit too', async () => {
  const queue = new FairQueue({ ...USUAL, mostInLane: 2, mostWaiting: 3 })
  const gate = openGate()
  const wait = (lane: string | null) => queue.run(lane, () => gate.promise)
  const taken = [wait('a'), wait('a'), wait('a')]
  await expect(wait('a')).rejects.toThrow(QueueFull)
  taken.push(wait('b'))
  await expect(wait('c')).rejects.toThrow(QueueFull)
  taken.push(wait(null))
  gate.open()
  await Promise.all(taken)
  await queue.run('a', async () => {})
})

test('nobody waits longer than they have patience, and who has left is not waited for', async () => {
  const queue = new FairQueue({ ...USUAL, patienceMilliseconds: 10 })
  const gate = openGate()
  const first = queue.run('a', () => gate.promise)
  await expect(queue.run('a', async () => {})).rejects.toThrow(QueueFull)
  await expect(queue.run(null, async () => {})).rejects.toThrow(QueueFull)
  gate.open()
  await first
  expect(await queue.run('a', async () => 'done')).toBe('done')
})
