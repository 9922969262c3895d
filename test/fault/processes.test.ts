/** What a test sees of the processes of a server. */
import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'

test('a sync that the server has under way is none of its lasting processes, and is ended with it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sync-'))
  const sync = join(folder, 'sync')
  symlinkSync(process.execPath, sync)
  const beside = `"$0" -e 'console.log("sync " + process.pid); setInterval(() => {}, 1000)' & exec "$@"`
  await using berth = await startBerth({ program: ['bash', '-c', beside, sync, ...FROM_SOURCE] })
  const pid = Number(/^sync (\d+)$/m.exec(berth.log())?.[1])
  expect(isAlive(pid)).toBe(true)
  expect(berth.processes()).toEqual([berth.pid])
  await berth.kill()
  expect(isAlive(pid)).toBe(false)
  rmSync(folder, { recursive: true })
})

/** One that has ended, and that nobody has asked for its exit code, does not live. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !readFileSync(file, 'utf8').includes(') Z ')
}
