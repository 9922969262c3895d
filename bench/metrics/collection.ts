/**
 * Content that nothing needs is deleted by a program while nobody serves, which is how others do it: how long that
 * takes, and how much memory, for so many blobs and for a fifth of them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandLine, fillIn } from '../contestant.ts'
import { adoptGarbage, countStored, makeGarbage } from '../garbage.ts'
import { LONGEST_MILLISECONDS, type Metric } from '../metric.ts'
import { mebibytes } from '../size.ts'
import { Subject } from '../subject.ts'

const FEWER = 5

export const collectionMetric: Metric = {
  name: 'collection',
  title: ({ garbageBlobs }) => `collecting ${garbageBlobs} small blobs that nothing needs, once`,
  figures: [
    { name: 'wall', title: 'seconds', better: 'less' },
    { name: 'cpu', title: 'CPU seconds', better: 'less' },
    { name: 'peak', title: 'MiB of memory at the most', better: 'less' },
    { name: 'growth', title: 'of the memory for a fifth of the blobs', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    const collect = async (blobs: number): Promise<Collected> => {
      await using part = new Subject(subject.contestant, join(subject.folder, String(blobs)))
      makeGarbage(part.data, blobs)
      if (subject.contestant.collects?.not !== undefined) await adoptGarbage(part)
      return await collectByProgram(part)
    }
    return async (round) => {
      // The folders would be the most that a run writes.
      if (round > 0) return {}
      const fewer = await collect(scale.garbageBlobs / FEWER)
      const all = await collect(scale.garbageBlobs)
      return {
        wall: all.seconds,
        cpu: all.cpuSeconds,
        peak: mebibytes(all.peakBytes),
        growth: all.peakBytes / fewer.peakBytes,
      }
    }
  },
}

interface Collected {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

async function collectByProgram(subject: Subject): Promise<Collected> {
  const { data, folder } = subject
  const words = subject.contestant.collects?.command ?? []
  const configuration = join(folder, 'configuration')
  const values = { data, folder, configuration, port: '5000' }
  mkdirSync(data, { recursive: true })
  writeFileSync(configuration, fillIn(subject.contestant.configuration, values))
  const began = performance.now()
  const child = Bun.spawn(commandLine(words, values), {
    env: { HOME: folder, TMPDIR: folder, ...subject.contestant.environment },
    stdio: ['ignore', 'ignore', 'ignore'],
    timeout: LONGEST_MILLISECONDS,
  })
  if ((await child.exited) !== 0) throw new Error(`${words.join(' ')} failed.`)
  const seconds = (performance.now() - began) / 1000
  const left = countStored(data)
  if (left !== 0) throw new Error(`${words.join(' ')} left ${left} blobs.`)
  const used = child.resourceUsage()
  return {
    seconds,
    cpuSeconds: Number(used?.cpuTime.total ?? 0) / 1_000_000,
    peakBytes: used?.maxRSS ?? Number.NaN,
  }
}
