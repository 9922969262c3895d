/** Who may have a volume together with whom, and what a person is told who may not. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseUnavailable } from '../unavailable.ts'
import { acquireVolumeLock, acquireWriterLock, type LockMode, VolumeInUse } from './lock.ts'

let folder: string
let path: string
const holders: Bun.Subprocess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-lock-'))
  path = join(folder, 'lock.db')
})
afterEach(async () => {
  await Promise.all(holders.splice(0).map(kill))
  rmSync(folder, { recursive: true })
})

/** Another process that holds the lock, once it says so. */
async function holdElsewhere(mode: LockMode): Promise<Bun.Subprocess> {
  return runElsewhere(`acquireVolumeLock(${JSON.stringify(path)}, '${mode}')`)
}

/** Another process that has taken a lock, once it says so. */
async function runElsewhere(taking: string): Promise<Bun.Subprocess> {
  const script = `
    const { acquireVolumeLock, acquireWriterLock } = await import(${JSON.stringify(new URL('./lock.ts', import.meta.url).href)})
    ${taking}
    Bun.gc(true)
    process.stdout.write('held')
    setInterval(() => undefined, 1000)
  `
  const holder = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' })
  holders.push(holder)
  await holder.stdout.getReader().read()
  return holder
}

async function kill(holder: Bun.Subprocess): Promise<void> {
  holder.kill('SIGKILL')
  await holder.exited
}

test.each([
  ['exclusive', 'exclusive'],
  ['exclusive', 'shared'],
  ['shared', 'exclusive'],
] as const)('while another process holds it %s, it cannot be had %s', async (theirs, ours) => {
  const holder = await holdElsewhere(theirs)
  expect(() => acquireVolumeLock(path, ours)).toThrow(
    `Another Berth works on ${folder} (process ${holder.pid} on ${hostname()}, since `,
  )
  expect(() => acquireVolumeLock(path, ours)).toThrow(VolumeInUse)
  await kill(holder)
  acquireVolumeLock(path, ours).release()
})

test('replicas share it', async () => {
  const holder = await holdElsewhere('shared')
  const lock = acquireVolumeLock(path, 'shared')
  await kill(holder)
  expect(() => acquireVolumeLock(path, 'exclusive')).toThrow(VolumeInUse)
  lock.release()
})

test('released, it is free, and names nobody', () => {
  const lock = acquireVolumeLock(path, 'exclusive')
  expect(readFileSync(join(folder, 'lock-holder'), 'utf8')).toContain(`process ${process.pid} on `)
  lock.release()
  lock.release()
  expect(existsSync(join(folder, 'lock-holder'))).toBe(false)
  acquireVolumeLock(path, 'exclusive').release()
})

test('a lock that was not had takes none away', () => {
  const lock = acquireVolumeLock(path, 'exclusive')
  for (const mode of ['exclusive', 'shared'] as const) {
    expect(() => acquireVolumeLock(path, mode)).toThrow(VolumeInUse)
    expect(() => acquireVolumeLock(path, mode)).toThrow(VolumeInUse)
  }
  expect(readFileSync(join(folder, 'lock-holder'), 'utf8')).toContain(`process ${process.pid} on `)
  lock.release()
})

test('a writer waits until the one before it is gone, and takes the lock of the volume from nobody', async () => {
  const volume = acquireVolumeLock(path, 'exclusive')
  const holderText = readFileSync(join(folder, 'lock-holder'), 'utf8')
  const database = join(folder, 'berth.db')
  const predecessor = await runElsewhere(`await acquireWriterLock(${JSON.stringify(database)})`)
  const waiting = acquireWriterLock(database)
  expect(Bun.peek.status(waiting)).toBe('pending')
  await kill(predecessor)
  const lock = await waiting
  expect(readFileSync(join(folder, 'lock-holder'), 'utf8')).toBe(holderText)
  lock.release()
  volume.release()
})

test('a writer does not wait for ever', async () => {
  const database = join(folder, 'berth.db')
  const lock = await acquireWriterLock(database)
  const error = await acquireWriterLock(database, 50).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(VolumeInUse)
  expect(error).toMatchObject({ message: expect.stringContaining(`still writes to ${database}`) })
  lock.release()
  ;(await acquireWriterLock(database, 50)).release()
})

test('a folder that is not there is named', () => {
  const missing = join(folder, 'missing', 'lock.db')
  expect(() => acquireVolumeLock(missing, 'exclusive')).toThrow(DatabaseUnavailable)
  expect(() => acquireVolumeLock(missing, 'exclusive')).toThrow(
    `The lock ${missing} cannot be taken now: the file cannot be opened: check that its folder exists`,
  )
})
