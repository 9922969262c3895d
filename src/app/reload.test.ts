import { expect, test } from 'bun:test'
import { createLog } from '../observability/log.ts'
import { reloadAll } from './reload.ts'

test('one thing that cannot be read again does not keep the others from it, and is named', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
  const read: string[] = []
  const failed = await reloadAll(
    [
      { name: 'the keys', reload: () => Promise.reject(new Error('the disk is on fire')) },
      { name: 'the passwords', reload: async () => 'line 3 is none' },
      {
        name: 'the certificates',
        reload: async () => {
          read.push('certificates')
          return null
        },
      },
    ],
    { logLevel: 'info' },
    log,
  )
  expect(failed).toEqual(['the keys', 'the passwords'])
  expect(read).toEqual(['certificates'])
  expect(lines.join('')).toContain('the keys: the disk is on fire')
  expect(lines.join('')).toContain('the passwords: line 3 is none')
})

test('the log has the new level from then on', async () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
  await reloadAll([], { logLevel: 'error' }, log)
  log.info({}, 'unheard')
  await reloadAll([], { logLevel: 'debug' }, log)
  log.debug({}, 'heard')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('heard')
})
