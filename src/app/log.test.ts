import { expect, test } from 'bun:test'
import { join } from 'node:path'

test('the writer goes on when nobody takes its lines any more', () => {
  const program = `
    const { openWriterLog } = await import('${join(import.meta.dir, 'log.ts')}')
    const log = openWriterLog({ format: 'text', fields: {} })
    log.error({}, 'first')
    require('node:fs').closeSync(2)
    log.error({}, 'second')
    console.log('went on')`
  const { stdout, stderr } = Bun.spawnSync([process.execPath, '-e', program])
  expect(stderr.toString()).toContain('first')
  expect(stdout.toString()).toBe('went on\n')
})
