import { expect, test } from 'bun:test'
import { countSteps } from './strace.ts'

test('the steps of a traced push are counted in the thread that took each most often', () => {
  const output = [
    '101 fsync(7)                          = 0',
    '102 fsync(8 <unfinished ...>',
    '101 pwrite64(9, "a", 1, 0)            = 1',
    '102 <... fsync resumed>)              = 0',
    '102 fsync(8)                          = 0',
    '101 +++ killed by SIGKILL +++',
  ].join('\n')
  expect([...countSteps(output)]).toEqual([
    ['fsync', 2],
    ['pwrite64', 1],
  ])
})
