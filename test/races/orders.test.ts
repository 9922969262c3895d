import { describe, expect, test } from 'bun:test'
import { areIndependent, inEveryOrder, type Trial } from './orders.ts'
import type { Party, Step } from './track.ts'

const writing = (what: string, ...writes: string[]): Step => ({ what, reads: [], adds: [], writes })
const reading = (what: string, ...reads: string[]): Step => ({ what, reads, adds: [], writes: [] })

/** A party that takes these steps and tells when it took each. */
function walker(name: string, steps: readonly Step[], tell: (what: string) => void = () => {}): Party {
  return {
    name,
    async run(turns) {
      for (const step of steps) await turns.take(step, async () => tell(`${name}${step.what}`))
    },
    isBlocked: async () => false,
  }
}

/** Every order that was seen, as one word each. */
async function ordersOf(one: readonly Step[], other: readonly Step[]): Promise<string[]> {
  const seen: string[] = []
  const { orders } = await inEveryOrder(async () => {
    const told: string[] = []
    const tell = (what: string) => told.push(what)
    return {
      parties: [walker('a', one, tell), walker('b', other, tell)],
      async check() {
        seen.push(told.join(' '))
      },
    }
  })
  // Before that it looks where the parties meet.
  return seen.slice(-orders)
}

describe('every order of two parties', () => {
  test('is seen, each once', async () => {
    const seen = await ordersOf(
      [writing('1', 'x'), writing('2', 'x')],
      [writing('1', 'x'), writing('2', 'x')],
    )
    expect(new Set(seen)).toEqual(
      new Set(['a1 a2 b1 b2', 'a1 b1 a2 b2', 'a1 b1 b2 a2', 'b1 a1 a2 b2', 'b1 a1 b2 a2', 'b1 b2 a1 a2']),
    )
    expect(seen).toHaveLength(6)
  })

  test('is seen once of those that differ in nothing', async () => {
    expect(
      await ordersOf([writing('1', 'x'), writing('2', 'x')], [writing('1', 'y'), writing('2', 'y')]),
    ).toEqual(['a1 a2 b1 b2'])
    // Only what is written by one and read by the other has an order.
    const [one, other] = [
      [writing('1', 'x'), writing('2', 'y'), writing('3', 'x')],
      [reading('1', 'z'), reading('2', 'x')],
    ]
    expect(await ordersOf(one, other)).toHaveLength(3)
  })

  test('with few interruptions only is a part of them', async () => {
    const steps = Array.from({ length: 4 }, (_, at) => writing(String(at), 'x'))
    const begin = async (): Promise<Trial> => ({
      parties: [walker('a', steps), walker('b', steps)],
      async check() {},
    })
    expect((await inEveryOrder(begin)).orders).toBe(70)
    // None, or one of either at one of three places: the other then goes on to its end.
    expect((await inEveryOrder(begin, { interruptions: 1 })).orders).toBe(2 + 6)
  })

  test('that fails is told', async () => {
    let sum = 0
    const begin = async (): Promise<Trial> => {
      sum = 0
      const adding = (name: string): Party => ({
        name,
        async run(turns) {
          const found = await turns.take(reading('reads', 'sum'), async () => sum)
          await turns.take(writing('writes', 'sum'), async () => {
            sum = found + 1
          })
        },
        isBlocked: async () => false,
      })
      return { parties: [adding('one'), adding('other')], check: async () => expect(sum).toBe(2) }
    }
    const failure = await inEveryOrder(begin).catch((error: unknown) => error)
    expect(String(failure)).toContain('one: reads\nother: reads\n')
  })

  test('has an end for a step that waits for the other party', async () => {
    const seen: string[] = []
    await inEveryOrder(async () => {
      const gate = Promise.withResolvers<void>()
      let [waits, order] = [false, '']
      const waiting: Party = {
        name: 'waiting',
        async run(turns) {
          await turns.take(writing('waits', 'gate'), async () => {
            waits = true
            await gate.promise
            waits = false
            order += 'w'
          })
        },
        isBlocked: async () => waits,
      }
      const opening: Party = {
        name: 'opening',
        async run(turns) {
          await turns.take(writing('prepares', 'gate'), async () => {
            order += 'p'
          })
          await turns.take(writing('opens', 'gate'), async () => {
            order += 'o'
            gate.resolve()
          })
        },
        isBlocked: async () => false,
      }
      return { parties: [waiting, opening], check: async () => void seen.push(order) }
    })
    expect(new Set(seen)).toEqual(new Set(['pow']))
  })
})

test('steps may be swapped that change nothing which the other touches', () => {
  const adding = (...adds: string[]): Step => ({ what: '', reads: [], adds, writes: [] })
  expect(areIndependent(reading('', 'x'), reading('', 'x', 'y'))).toBe(true)
  expect(areIndependent(writing('', 'x'), writing('', 'y'))).toBe(true)
  expect(areIndependent(writing('', 'x'), reading('', 'x'))).toBe(false)
  expect(areIndependent(reading('', 'x'), writing('', 'x'))).toBe(false)
  expect(areIndependent(writing('', 'x 1'), writing('', 'x 2'))).toBe(true)
  expect(areIndependent(writing('', 'x 1'), reading('', 'x'))).toBe(false)
  expect(areIndependent(adding('x'), adding('x'))).toBe(true)
  expect(areIndependent(adding('x'), reading('', 'x'))).toBe(false)
  expect(areIndependent(adding('x'), writing('', 'x'))).toBe(false)
})
