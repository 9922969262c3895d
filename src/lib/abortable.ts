/**
 * The items of `source` until `signal` fires; then it throws the signal's reason at once, even while the
 * source is waiting for something that will never come. Holds no item longer than its reader does: a race
 * against one promise for the whole stream would keep them all.
 */
export async function* abortable<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const iterator = source[Symbol.asyncIterator]()
  let giveUp: (reason: unknown) => void = () => undefined
  const abort = () => giveUp(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const item = await new Promise<IteratorResult<Item>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      ended = item.done === true
      if (item.done === true) return
      yield item.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // Not awaited: a source that hangs would hang here too.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}
