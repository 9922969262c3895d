/** Backups and restores that end in the middle, by kill -9 at a syscall or by a full disk: what there was is whole, and run again they come to their end. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FROM_SOURCE } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import type { Step } from '../fault/strace.ts'
import { mountObstacles, SmallDisk } from '../small-disk.ts'
import { tryCommand } from '../tools/command.ts'
import { describeUnless, describeWith } from '../tools/describe-with.ts'
import { filesUnder } from '../volume/files.ts'
import { berth, contentsOf, fill, lastingFacts, newFolder, onSqlite, type Place, serve } from './places.ts'

setDefaultTimeout(120_000)

const folders: string[] = []
function folder(): string {
  const made = newFolder()
  folders.push(made)
  return made
}
afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true })
})

function pointsIn(directory: string): string[] {
  const points = join(directory, 'points')
  return existsSync(points) ? readdirSync(points).filter((name) => !name.endsWith('.partial')) : []
}

describeWith('killed at a syscall', ['strace'], ({ strace }) => {
  const source = onSqlite(folder())
  beforeAll(() => fill(source))

  /** Runs a command until its n-th call of a kind; strace counts each thread apart, so there is one for files. True: it was killed there. */
  async function killedAt(place: Place, step: Step, count: number, ...args: string[]): Promise<boolean> {
    const inject = ['-e', `trace=${step}`, `--inject=${step}:signal=SIGKILL:when=${count}`]
    const command = [...FROM_SOURCE, ...args, '--data', place.data]
    const env = { UV_THREADPOOL_SIZE: '1' }
    const { exitCode } = await tryCommand(strace, ['-f', '-o', '/dev/null', ...inject, ...command], { env })
    return exitCode !== 0
  }

  test('a backup leaves no point that is not whole, and the next run goes on with what is missing', async () => {
    const directory = folder()
    const calls: readonly [Step, number][] = [
      ['rename', 1],
      ['fsync', 6],
      ['rename', 6],
      ['fsync', 14],
    ]
    for (const [step, count] of calls) {
      expect([step, count, await killedAt(source, step, count, 'backup', directory)]).toEqual([
        step,
        count,
        true,
      ])
      expect(pointsIn(directory)).toEqual([])
    }
    const { code, printed } = await berth(source, 'backup', directory, '--format', 'json')
    expect(code).toBe(0)
    const { point, copied } = JSON.parse(printed)
    expect(copied.blobs).toBeLessThan(point.blobs)
    expect(await berth(source, 'restore', directory, '--check')).toMatchObject({ code: 0 })
    const left = readdirSync(join(directory, 'points'))
    expect(left).toEqual([point.name])
  })

  test('a restore lets no server start on its half, and run again it comes to the same end', async () => {
    const [directory, target] = [folder(), onSqlite(folder())]
    expect((await berth(source, 'backup', directory)).code).toBe(0)
    const calls: readonly [Step, number][] = [
      ['rename', 5],
      ['fsync', 20],
      ['pwrite64', 60],
      ['pwrite64', 300],
      ['rename', 40],
    ]
    for (const [step, count] of calls) {
      expect([step, count, await killedAt(target, step, count, 'restore', directory)]).toEqual([
        step,
        count,
        true,
      ])
      const hasBegun = existsSync(join(target.data, 'berth/restoring'))
      const [program = '', ...rest] = [
        ...FROM_SOURCE,
        'serve',
        '--data',
        target.data,
        '--addr',
        '127.0.0.1:0',
      ]
      if (hasBegun) expect((await tryCommand(program, rest)).stderr).toContain('has not come to its end')
    }
    expect((await berth(target, 'restore', directory)).code).toBe(0)
    expect(filesUnder(join(target.data, 'docker'))).toEqual(filesUnder(join(source.data, 'docker')))
    expect(await lastingFacts(target)).toEqual(await lastingFacts(source))
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })
})

describeUnless('on a full disk', mountObstacles(), () => {
  test('a backup says so, leaves the older points whole, and goes on when there is room again', async () => {
    const source = onSqlite(folder())
    await fill(source)
    using disk = new SmallDisk(8)
    const directory = join(disk.path, 'backup')
    expect((await berth(source, 'backup', directory)).code).toBe(0)
    const [first = ''] = pointsIn(directory)
    {
      await using server = await serve(source)
      for (const seed of ['a', 'b', 'c', 'd']) await pushImage(server.url, 'more', seed, smallImage(seed))
    }
    disk.fill(300_000)
    const { code, printed } = await berth(source, 'backup', directory)
    expect(printed).toContain(`is full: free some space`)
    expect(code).toBe(5)
    expect(pointsIn(directory)).toEqual([first])
    expect(await berth(source, 'restore', directory, '--check')).toMatchObject({ code: 0 })
    disk.clear()
    expect((await berth(source, 'backup', directory)).code).toBe(0)
    expect(pointsIn(directory)).toHaveLength(2)
    const target = onSqlite(folder())
    expect((await berth(target, 'restore', directory)).code).toBe(0)
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })

  test('a restore says so, and goes on when there is room again', async () => {
    const [source, directory] = [onSqlite(folder()), folder()]
    await fill(source)
    expect((await berth(source, 'backup', directory)).code).toBe(0)
    using disk = new SmallDisk(16)
    const target = onSqlite(join(disk.path, 'data'))
    disk.fill(600_000)
    const { code, printed } = await berth(target, 'restore', directory)
    expect(printed).toContain('full: free some space')
    expect(code).toBe(5)
    disk.clear()
    expect((await berth(target, 'restore', directory)).code).toBe(0)
    expect(await contentsOf(target)).toEqual(await contentsOf(source))
  })
})

describe('while a registry is in use', () => {
  test('every point is whole, whatever is pushed, deleted and collected meanwhile', async () => {
    const [source, directory] = [onSqlite(folder()), folder()]
    await fill(source)
    await using server = await serve(source)
    let isOver = false
    const pushing = (async () => {
      for (let round = 0; !isOver; round++) {
        const image = smallImage(`round ${round}`)
        await pushImage(server.url, 'busy', `${round % 3}`, image)
        if (round % 2 === 0) {
          const path = `${server.url}/v2/busy/manifests/${image.root.digest}`
          expect((await fetch(path, { method: 'DELETE' })).status).toBe(202)
        }
      }
    })()
    for (let runs = 0; runs < 3; runs++) expect((await berth(source, 'backup', directory)).code).toBe(0)
    isOver = true
    await pushing
    for (const point of pointsIn(directory)) {
      const target = onSqlite(folder())
      expect((await berth(target, 'restore', directory, '--at', point)).code).toBe(0)
      // Reads every blob of every tag.
      expect(Object.keys(await contentsOf(target))).toContain('app')
      expect(await berth(target, 'verify', '--deep')).toMatchObject({ code: 0 })
    }
  })
})
