/** What all processes of the server hold in memory when it has started and nobody asks it for anything. */
import type { Metric } from '../metric.ts'
import { mebibytes } from '../size.ts'

export const memoryMetric: Metric = {
  name: 'memory',
  title: () => 'resident memory at rest',
  figures: [{ name: 'resident', title: 'MiB', better: 'less' }],
  needs: [],
  async prepare(subject, { scale }) {
    return async () => {
      await using server = await subject.start()
      await Bun.sleep(scale.restMilliseconds)
      return { resident: mebibytes(server.residentBytes()) }
    }
  },
}
