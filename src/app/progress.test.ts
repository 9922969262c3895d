/** How far the index is, as a person at a terminal sees it. */
import { expect, test } from 'bun:test'
import { until } from '../../test/until.ts'
import { createLog } from '../observability/log.ts'
import { ProgressTeller } from './progress.ts'

const log = createLog({ level: 'info', format: 'text', write: () => {} })

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
