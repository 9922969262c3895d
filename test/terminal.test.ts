/** Berth at a real terminal: what a person sees, and what happens when the window is closed. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE } from './berth-server.ts'
import { until } from './until.ts'

setDefaultTimeout(30_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-terminal-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

test('SIGHUP reads again what can be read again; when the terminal is closed, it stops the server', async () => {
  let shown = ''
  const data = (_: unknown, bytes: Uint8Array) => {
    shown += new TextDecoder().decode(bytes)
  }
  const command = [...FROM_SOURCE, 'serve', '--addr', '127.0.0.1:0', '--data', join(scratch, 'data')]
  await using child = Bun.spawn(command, { terminal: { data } })
  await until('the first lines are shown', () => shown.includes('Ctrl-C stops it'))
  expect(shown).toContain('listening on 127.0.0.1:')
  child.kill('SIGHUP')
  await until('it says that it has read again', () => shown.includes('what can be read again was read'))
  expect(child.exitCode).toBeNull()
  child.terminal?.close()
  expect(await child.exited).toBe(0)
})
