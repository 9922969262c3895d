/** Several workers on one port, beside a writer: what dies is replaced, and nothing is left behind. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { AS_USER, type BerthServer, startBerth } from './berth-server.ts'
import { buildImage, noise } from './clients/images.ts'
import { pushImage } from './clients/push.ts'
import { expectServed } from './clients/registry-contents.ts'
import { until } from './until.ts'

const image = buildImage([{ files: new Map([['data.bin', noise('workers', 100_000)]]), compression: 'none' }])

describe('several workers', () => {
  const options = { env: { BERTH_WORKERS: '2' } }

  /** Pids of the running children, by their command. */
  function children(berth: BerthServer, command: 'worker' | 'writer'): number[] {
    return berth.processes().filter((pid) => readCommand(pid).at(-1) === command)
  }

  function killIfAlive(pid: number): void {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Its supervisor has already seen it end.
    }
  }

  function readCommand(pid: number): string[] {
    if (process.platform !== 'linux') {
      return Bun.spawnSync(['ps', '-o', 'command=', '-p', String(pid)])
        .stdout.toString()
        .trim()
        .split(' ')
    }
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
    } catch {
      return [] // It has ended.
    }
  }

  test('serve on one port beside a writer, and leave no process behind', async () => {
    await using berth = await startBerth({ program: AS_USER, ...options })
    expect(children(berth, 'worker')).toHaveLength(2)
    expect(children(berth, 'writer')).toHaveLength(1)
    await pushImage(berth.url, 'team/app', '1.0', image)
    await expectServed(berth.url, 'team/app', '1.0', image)
    expect(berth.log().match(/listening on/g)).toHaveLength(1)
    expect((await berth.stop()).code).toBe(0)
    expect(berth.processes()).toEqual([])
  })

  test('that die are replaced, and so is the writer, and pushes go on', async () => {
    await using berth = await startBerth(options)
    for (const command of ['worker', 'writer'] as const) {
      const before = children(berth, command)
      process.kill(before[0] ?? 0, 'SIGKILL')
      const name = command === 'writer' ? 'writer works again' : /worker-\d works again/
      await until(`the ${command} is replaced`, () => berth.log().match(name) !== null)
      expect(children(berth, command)).toHaveLength(before.length)
      expect(children(berth, command)).not.toEqual(before)
      await pushImage(berth.url, `team/${command}`, '1.0', image)
      await expectServed(berth.url, `team/${command}`, '1.0', image)
    }
  })

  test('that die again and again end the whole, with a sentence', async () => {
    await using berth = await startBerth(options)
    await until('Berth gives up', () => {
      for (const pid of children(berth, 'worker')) killIfAlive(pid)
      return berth.processes().length === 0
    })
    expect(await berth.exited).toBe(1)
    expect(berth.log()).toMatch(/berth: worker-\d was ended by SIGKILL, 6 times in a row/)
  }, 15_000)

  test('heed no signal of their own, for it is the supervisor that stops them', async () => {
    await using berth = await startBerth(options)
    const pids = [...children(berth, 'worker'), ...children(berth, 'writer')]
    for (const pid of pids)
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, name)
    await pushImage(berth.url, 'team/app', '1.0', image)
    await expectServed(berth.url, 'team/app', '1.0', image)
    expect([...children(berth, 'worker'), ...children(berth, 'writer')]).toEqual(pids)
  })
})
