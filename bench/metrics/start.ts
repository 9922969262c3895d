/** From executing the server on its own folder to its first answer. */
import type { Metric } from '../metric.ts'

export const startMetric: Metric = {
  name: 'start',
  title: () => 'from exec to listening',
  figures: [
    { name: 'wall', title: 'milliseconds', better: 'less' },
    { name: 'cpu', title: 'CPU milliseconds', better: 'less' },
  ],
  needs: [],
  async prepare(subject) {
    await (await subject.start())[Symbol.asyncDispose]()
    return async () => {
      await using server = await subject.start()
      return { wall: server.startMilliseconds, cpu: server.cpuSeconds() * 1000 }
    }
  },
}
