/** How far the index is, as a person at a terminal sees it. */
import { expect, test } from 'bun:test'
import { until } from '../../test/until.ts'
import { createLog } from '../observability/log.ts'
import { ProgressTeller } from './progress.ts'

const log = createLog({ level: 'info', format: 'text', write: () => {} })

test('without a terminal the log tells it every ten seconds', () => {
  const lines: string[] = []
  let clock = 5_000
  const teller = new ProgressTeller({
    log: createLog({ level: 'info', format: 'json', write: (line) => lines.push(line) }),
    draw: null,
    now: () => clock,
  })
  const said = () => lines.map((line) => JSON.parse(line)).map(({ level, msg }) => `${level} ${msg}`)
  const tellAt = (milliseconds: number, done: number) => {
    clock = milliseconds
    teller.tell({ done, total: 2000 })
  }
  tellAt(5_000, 0)
  tellAt(14_999, 799)
  expect(said()).toEqual([])
  tellAt(15_000, 800)
  tellAt(15_001, 801)
  tellAt(24_999, 1600)
  expect(said()).toEqual(['info indexing: 800 of 2000 repositories'])
  tellAt(25_000, 1601)
  teller.end()
  expect(said()[1]).toBe('info indexing: 1601 of 2000 repositories')
  expect(said()).toHaveLength(2)
})

test('a bar is drawn now and then, and taken away in the end', async () => {
  const drawn: string[] = []
  const teller = new ProgressTeller({ log, draw: (line) => drawn.push(line) })
  teller.tell({ done: 0, total: 4 })
  expect(drawn).toEqual([])
  await until('the bar is drawn', () => {
    teller.tell({ done: 1, total: 4 })
    return drawn.length > 0
  })
  teller.end()
  expect(drawn).toEqual([`[${'='.repeat(8)}${' '.repeat(22)}] 1 of 4 repositories indexed`, ''])
})

test('nothing is taken away where nothing was drawn', () => {
  const drawn: string[] = []
  new ProgressTeller({ log, draw: (line) => drawn.push(line) }).end()
  expect(drawn).toEqual([])
})
