/** GET of a manifest by tag, over and over, on 32 connections. */
import type { Metric } from '../metric.ts'
import { manifestPath } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import { CONNECTIONS, load } from '../wrk.ts'

const REPOSITORY = 'bench/manifest'
const TAG = 'latest'
const LAYERS = 5

export const manifestMetric: Metric = {
  name: 'manifest',
  title: () => `GET manifest by tag, ${CONNECTIONS} connections`,
  figures: [
    { name: 'perCpuSecond', title: 'requests per CPU second', better: 'more' },
    { name: 'perSecond', title: 'requests per second', better: 'more' },
  ],
  needs: ['wrk'],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    await subject.publishImage(server, REPOSITORY, TAG, sampleImage('manifest', LAYERS))
    const url = `http://127.0.0.1:${server.port}${manifestPath(REPOSITORY, TAG)}`
    if (scale.warmsUp) await load(server, url, scale.wrkSeconds)
    return async () => {
      const { requests, cpuSeconds, seconds } = await load(server, url, scale.wrkSeconds)
      return { perCpuSecond: requests / cpuSeconds, perSecond: requests / seconds }
    }
  },
}
