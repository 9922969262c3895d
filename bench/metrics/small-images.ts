/** Small images that nobody has seen before, pushed one after another on one connection. */
import type { Image } from '../../test/clients/images.ts'
import { Connection } from '../connection.ts'
import { costOf, type Metric } from '../metric.ts'
import { pushImage } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'

const REPOSITORY = 'bench/small-images'
const LAYERS = 2

export const smallImagesMetric: Metric = {
  name: 'small-images',
  title: ({ smallImages }) =>
    `${smallImages} small images (a config, ${LAYERS} layers of 10 kB), one after another`,
  figures: [
    { name: 'perSecond', title: 'images per second', better: 'more' },
    { name: 'cpu', title: 'CPU milliseconds per image', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    const made = (name: string) =>
      Array.from({ length: scale.smallImages }, (_, count) => sampleImage(`${name} ${count}`, LAYERS))
    const push = async (images: readonly Image[], prefix: string) => {
      using connection = await Connection.open(server.port)
      for (const [count, image] of images.entries()) {
        await pushImage(connection, REPOSITORY, `${prefix}-${count}`, image)
      }
    }
    if (scale.warmsUp) await push(made('warm-up'), 'warm-up')
    return async (round) => {
      const images = made(`round ${round}`)
      const cost = await costOf(server, () => push(images, `round-${round}`), scale.afterwardsMilliseconds)
      return { perSecond: images.length / cost.seconds, cpu: (cost.cpuSeconds * 1000) / images.length }
    }
  },
}
