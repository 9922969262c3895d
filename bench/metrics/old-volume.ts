/**
 * A volume that another registry filled, and that the server has never seen: how soon it answers, and how soon its
 * index is complete. The files are written without any registry; the index is looked for in the server's database.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeOldVolume } from '../../test/old-volume.ts'
import { until } from '../../test/until.ts'
import { isIndexed } from '../garbage.ts'
import { LONGEST_MILLISECONDS, type Metric } from '../metric.ts'

export const oldVolumeMetric: Metric = {
  name: 'old-volume',
  title: ({ oldRepositories, oldTags }) =>
    `first start on a folder of registry:2 with ${oldRepositories} repositories and ${oldRepositories * oldTags} tags`,
  figures: [
    { name: 'answer', title: 'milliseconds from exec to the first answer', better: 'less' },
    { name: 'index', title: 'seconds until everything is indexed', better: 'less' },
    { name: 'cpu', title: 'CPU seconds until then', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    makeOldVolume(subject.data, { repositories: scale.oldRepositories, tags: scale.oldTags })
    return async () => {
      rmSync(join(subject.data, 'berth'), { recursive: true, force: true })
      const began = performance.now()
      await using server = await subject.start()
      await until('everything is indexed', () => isIndexed(subject.data), {
        withinMilliseconds: LONGEST_MILLISECONDS,
      })
      return {
        answer: server.startMilliseconds,
        index: (performance.now() - began) / 1000,
        cpu: server.cpuSeconds(),
      }
    }
  },
}
