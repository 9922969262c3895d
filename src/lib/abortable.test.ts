import { describe, expect, test } from 'bun:test'
import { abortable } from './abortable.ts'

/** The items one after another, and then a wait that never ends. Says when it was closed. */
function hangingAfter<Item>(...items: Item[]): AsyncIterable<Item> & { readonly closed: Promise<void> } {
  const closed = Promise.withResolvers<void>()
  return {
    closed: closed.promise,
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = items.shift()
        return value === undefined ? new Promise<never>(() => undefined) : { done: false, value }
      },
      return: async () => {
        closed.resolve()
        return { done: true, value: undefined }
      },
    }),
  }
}

async function* numbers(): AsyncGenerator<number> {
  yield 1
  yield 2
}

function abortedFor(reason: string): AbortSignal {
  return AbortSignal.abort(new Error(reason))
}

test('all items come, in order, where nobody aborts', async () => {
  expect(await Array.fromAsync(abortable(numbers(), new AbortController().signal))).toEqual([1, 2])
})

describe('an abort', () => {
  test('ends a wait that would never end, with its reason', async () => {
    const controller = new AbortController()
    const items = abortable(hangingAfter(1), controller.signal)
    expect(await items.next()).toEqual({ done: false, value: 1 })
    const waiting = items.next()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  test('before the start lets nothing through', async () => {
    await expect(abortable(numbers(), abortedFor('too late')).next()).rejects.toThrow('too late')
  })

  test('between two items lets no more through', async () => {
    const controller = new AbortController()
    const items = abortable(numbers(), controller.signal)
    await items.next()
    controller.abort(new Error('enough'))
    await expect(items.next()).rejects.toThrow('enough')
  })

  test('closes the source', async () => {
    const source = hangingAfter<number>()
    await expect(abortable(source, abortedFor('enough')).next()).rejects.toThrow('enough')
    await source.closed
  })
})

test('a reader that stops closes the source', async () => {
  const source = hangingAfter(1, 2)
  for await (const item of abortable(source, new AbortController().signal)) if (item === 1) break
  await source.closed
})

test('what the source throws is thrown', async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1
    throw new Error('the connection was lost')
  }
  const items = Array.fromAsync(abortable(broken(), new AbortController().signal))
  await expect(items).rejects.toThrow('the connection was lost')
})

test('items that were read are let go while the stream goes on', async () => {
  const seen: WeakRef<Uint8Array>[] = []
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 100; index++) {
      const chunk = new Uint8Array(1024)
      seen.push(new WeakRef(chunk))
      yield chunk
    }
  }
  for await (const _ of abortable(chunks(), new AbortController().signal)) {
    if (seen.length < 100) continue
    // A weak reference holds what it was made for until the task ends.
    await new Promise((resolve) => setImmediate(resolve))
    Bun.gc(true)
    expect(seen.filter((chunk) => chunk.deref() !== undefined).length).toBeLessThan(10)
  }
  expect(seen).toHaveLength(100)
})
