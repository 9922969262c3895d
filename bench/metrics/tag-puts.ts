/**
 * Tags put one after another on one connection, in the two ways that there are: ever new tags of one manifest,
 * and one tag that moves to and fro between two.
 */
import type { Content } from '../../test/clients/images.ts'
import { Connection } from '../connection.ts'
import { costOf, type Metric, type Scale } from '../metric.ts'
import { putManifest } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'

interface Puts {
  readonly name: 'tag-puts' | 'tag-moves'
  title(scale: Scale): string
  /** How many manifests take turns. */
  readonly manifests: number
  tagOf(prefix: string, count: number): string
}

export const tagPutsMetric = metricOf({
  name: 'tag-puts',
  title: ({ tagPuts }) => `${tagPuts} tag PUTs, one after another`,
  manifests: 1,
  tagOf: (prefix, count) => `${prefix}-${count}`,
})

export const tagMovesMetric = metricOf({
  name: 'tag-moves',
  title: ({ tagPuts }) => `one tag moved to and fro between two manifests, ${tagPuts} PUTs one after another`,
  manifests: 2,
  tagOf: () => 'moved',
})

function metricOf({ name, title, manifests, tagOf }: Puts): Metric {
  const repository = `bench/${name}`
  return {
    name,
    title,
    figures: [
      { name: 'perSecond', title: 'PUTs per second', better: 'more' },
      { name: 'cpu', title: 'CPU milliseconds per PUT', better: 'less' },
    ],
    needs: [],
    async prepare(subject, { scale }) {
      const server = await subject.serve()
      const images = Array.from({ length: manifests }, (_, count) => sampleImage(`${name} ${count}`, 1))
      for (const [count, image] of images.entries()) {
        await subject.publishImage(server, repository, `first-${count}`, image)
      }
      const roots = images.map(({ root }) => root)
      const putTags = async (prefix: string) => {
        using connection = await Connection.open(server.port)
        for (let count = 0; count < scale.tagPuts; count++) {
          await putManifest(connection, repository, tagOf(prefix, count), inTurn(roots, count))
        }
      }
      if (scale.warmsUp) await putTags('warm-up')
      return async (round) => {
        const cost = await costOf(server, () => putTags(`round-${round}`), scale.afterwardsMilliseconds)
        return { perSecond: scale.tagPuts / cost.seconds, cpu: (cost.cpuSeconds * 1000) / scale.tagPuts }
      }
    },
  }
}

function inTurn(contents: readonly Content[], count: number): Content {
  const content = contents[count % contents.length]
  if (content === undefined) throw new Error('There is nothing to put.')
  return content
}
