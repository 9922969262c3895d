import { describe, expect, test } from 'bun:test'
import { type PageRequest, pageOf } from './page.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/** Lists as the database does, and notes what it was asked for. */
function lister() {
  const asked: PageRequest[] = []
  return {
    asked,
    async list(page: PageRequest): Promise<string[]> {
      asked.push(page)
      return names.filter((name) => name > page.after).slice(0, page.limit)
    },
  }
}

describe('a page', () => {
  test.each([
    ['', 2, ['a', 'b'], true],
    ['b', 2, ['c', 'd'], true],
    ['d', 2, ['e'], false],
    ['c', 2, ['d', 'e'], false],
    ['', 5, names, false],
    ['', 4, ['a', 'b', 'c', 'd'], true],
    ['', 9, names, false],
    ['e', 2, [], false],
    ['bb', 1, ['c'], true],
  ])('after %j of %d', async (after, limit, items, hasMore) => {
    expect(await pageOf({ after, limit }, lister().list)).toEqual({ items, hasMore })
  })

  test('of none is empty and the last, and reads nothing', async () => {
    const { asked, list } = lister()
    expect(await pageOf({ after: '', limit: 0 }, list)).toEqual({ items: [], hasMore: false })
    expect(asked).toEqual([])
  })

  test('reads one item more than it gives', async () => {
    const { asked, list } = lister()
    await pageOf({ after: 'a', limit: 2 }, list)
    expect(asked).toEqual([{ after: 'a', limit: 3 }])
  })
})
