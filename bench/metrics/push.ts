/** A large blob pushed the way docker does: POST, PATCH in chunks without a length, PUT. New bytes every time. */
import { commandLine, type ProgramsContestant } from '../contestant.ts'
import { type Cost, costOf, LONGEST_MILLISECONDS, type Metric } from '../metric.ts'
import { MEMORY_SHARE, removeLargeFiles, touchMemory } from '../page-cache.ts'
import { gibibytes, sizeOf } from '../size.ts'
import { pushFile } from '../subject.ts'

const REPOSITORY = 'bench/push'

export const pushMetric: Metric = {
  name: 'push',
  title: ({ blobBytes }) => `pushing a blob of ${sizeOf(blobBytes)}`,
  figures: [
    { name: 'cpu', title: 'CPU seconds per GiB', better: 'less' },
    { name: 'wall', title: 'seconds per GiB', better: 'less' },
  ],
  needs: ['curl'],
  async prepare(subject, { scale, blob }) {
    const server = await subject.serve()
    const push = (afterwards: number) =>
      costOf(server, () => pushFile(server, REPOSITORY, blob()), afterwards)
    if (scale.warmsUp) await push(0)
    return async () => {
      blob().renew()
      prepareMemory(subject.data, blob().size)
      return figuresOf(await push(scale.afterwardsMilliseconds), blob().size)
    }
  },
  preparePrograms(contestant, folder, { blob }) {
    return async () => {
      prepareMemory(folder, blob().size)
      return figuresOf(await runPrograms(contestant, { file: blob().path, data: folder }), blob().size)
    }
  },
}

/** What the last round has stored is gone, and the memory that this one needs is there. */
function prepareMemory(data: string, bytes: number): void {
  removeLargeFiles(data, bytes)
  touchMemory(data, bytes * MEMORY_SHARE)
}

function figuresOf({ cpuSeconds, seconds }: Cost, bytes: number) {
  return { cpu: cpuSeconds / gibibytes(bytes), wall: seconds / gibibytes(bytes) }
}

async function runPrograms(
  contestant: ProgramsContestant,
  values: { file: string; data: string },
): Promise<Cost> {
  const began = performance.now()
  let cpuSeconds = 0
  for (const words of contestant.push) {
    const child = Bun.spawn(commandLine(words, values), {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: LONGEST_MILLISECONDS,
    })
    if ((await child.exited) !== 0) throw new Error(`${words.join(' ')} failed.`)
    cpuSeconds += Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1_000_000
  }
  return { cpuSeconds, seconds: (performance.now() - began) / 1000 }
}
