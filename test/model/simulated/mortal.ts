/**
 * A process that dies at a chosen operation: whatever it does to storage and database goes through here, and from
 * that operation on nothing of it takes effect any more. What was done before stays, for it lies in a real folder and a
 * real database, of which the next process is made.
 */

/** The process has died. */
export class Died extends Error {
  override readonly name = 'Died'
}

export class Life {
  #left: number | null = null
  #isOver = false

  get isOver(): boolean {
    return this.#isOver
  }

  /** So many operations are left; the beginning and the end of each count. */
  dieAfter(operations: number): void {
    this.#left = operations
  }

  end(): void {
    this.#isOver = true
  }

  /** Throws Died when the end has come. */
  pass(): void {
    if (this.#left !== null && this.#left-- <= 0) this.#isOver = true
    if (this.#isOver) throw new Died('the process has died')
  }
}

/** Everything that is called on it, or on a writer that it opens, is an operation of this life. */
export function mortal<Target extends object>(real: Target, life: Life): Target {
  return new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        life.pass()
        return outcome(Reflect.apply(member, target, values), life)
      }
    },
  })
}

function outcome(result: unknown, life: Life): unknown {
  if (result instanceof Promise) return result.then((value: unknown) => arrived(value, life))
  return result instanceof Object && Symbol.asyncIterator in result
    ? eachItem(result as AsyncIterable<unknown>, life)
    : result
}

/** The end may come between what was done and the hearing of it. What can be closed goes on acting. */
function arrived(value: unknown, life: Life): unknown {
  life.pass()
  return value instanceof Object && 'close' in value ? mortal(value, life) : value
}

async function* eachItem(items: AsyncIterable<unknown>, life: Life): AsyncGenerator<unknown> {
  for await (const item of items) {
    life.pass()
    yield item
  }
}
