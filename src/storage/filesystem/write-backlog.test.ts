import { expect, test } from 'bun:test'
import type { VolumeKind } from './volume.ts'
import { WriteBacklog } from './write-backlog.ts'

const MIB = 1024 * 1024

function longBacklog(volume: VolumeKind = { kind: 'local' }): WriteBacklog {
  const backlog = new WriteBacklog(volume)
  backlog.add(5 * MIB)
  return backlog
}

test('a few megabytes may wait for the pool', () => {
  const backlog = new WriteBacklog({ kind: 'local' })
  backlog.add(4 * MIB)
  expect(backlog.isTooLong()).toBe(false)
})

test('more are to be written at once, until enough has been written', () => {
  const backlog = longBacklog()
  expect(backlog.isTooLong()).toBe(true)
  backlog.remove(2 * MIB)
  expect(backlog.isTooLong()).toBe(false)
})

test.each<VolumeKind>([{ kind: 'network', name: 'NFS' }, { kind: 'fuse' }])(
  'never on %p, which may hang',
  (volume) => {
    expect(longBacklog(volume).isTooLong()).toBe(false)
  },
)

test('a disk that makes every write wait has a tenth of the event loop', () => {
  const backlog = longBacklog()
  let [now, waited] = [0, 0]
  while (now < 100_000) {
    const taken = backlog.isTooLong(now) ? 20 : 0
    waited += taken
    now += Math.max(taken, 1)
    if (taken > 0) backlog.wroteAtOnce(taken, now)
  }
  expect(waited).toBeGreaterThan(9_000)
  expect(waited).toBeLessThan(11_000)
})

test('writes that only copy are never too many', () => {
  const backlog = longBacklog()
  for (let now = 0; now < 100_000; now++) {
    expect(backlog.isTooLong(now)).toBe(true)
    backlog.wroteAtOnce(1, now)
  }
})
