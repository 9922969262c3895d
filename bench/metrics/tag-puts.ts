/** The same small manifest put under one new tag after another, on one connection. */
import { Connection } from '../connection.ts'
import { costOf, type Metric } from '../metric.ts'
import { putManifest } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'

const REPOSITORY = 'bench/tag-puts'

export const tagPutsMetric: Metric = {
  name: 'tag-puts',
  title: ({ tagPuts }) => `${tagPuts} tag PUTs, one after another`,
  figures: [
    { name: 'perSecond', title: 'PUTs per second', better: 'more' },
    { name: 'cpu', title: 'CPU milliseconds per PUT', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    const image = sampleImage('tag puts', 1)
    await subject.publishImage(server, REPOSITORY, 'first', image)
    const putTags = async (prefix: string) => {
      using connection = await Connection.open(server.port)
      for (let count = 0; count < scale.tagPuts; count++) {
        await putManifest(connection, REPOSITORY, `${prefix}-${count}`, image.root)
      }
    }
    if (scale.warmsUp) await putTags('warm-up')
    return async (round) => {
      const cost = await costOf(server, () => putTags(`round-${round}`), scale.afterwardsMilliseconds)
      return { perSecond: scale.tagPuts / cost.seconds, cpu: (cost.cpuSeconds * 1000) / scale.tagPuts }
    }
  },
}
