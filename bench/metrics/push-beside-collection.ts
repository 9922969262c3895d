/**
 * Small images are pushed one after another while the server deletes content that nothing needs, and then as many
 * while it deletes nothing: how long one takes that is slower than 99 of 100.
 */
import { until } from '../../test/until.ts'
import { Connection } from '../connection.ts'
import { adoptGarbage, countKnown, makeGarbage } from '../garbage.ts'
import { LONGEST_MILLISECONDS, type Metric, type Scale } from '../metric.ts'
import { pushImage } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import type { Server } from '../server.ts'
import { percentile } from '../statistics.ts'
import type { Subject } from '../subject.ts'

const REPOSITORY = 'bench/push-beside-collection'
const LAYERS = 2
/** Pushes between two looks at how far collection is. */
const PUSHES_A_LOOK = 20

export const pushBesideCollectionMetric: Metric = {
  name: 'push-beside-collection',
  title: ({ besideBlobs }) =>
    `small images (a config, ${LAYERS} layers of 10 kB) while ${besideBlobs} blobs are being collected, once`,
  figures: [
    { name: 'p99', title: 'milliseconds of a push, 99th percentile', better: 'less' },
    { name: 'ratio', title: 'of those without collection', better: 'less' },
    { name: 'median', title: 'milliseconds of a push, median', better: 'less' },
    { name: 'deleted', title: 'blobs deleted per second meanwhile', better: 'more' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    return async (round) => {
      if (round > 0) return {}
      makeGarbage(subject.data, scale.besideBlobs)
      await adoptGarbage(subject)
      const beside = await pushBeside(subject, scale)
      const alone = await pushAlone(subject, beside.times.length)
      const p99 = percentile(beside.times, 0.99)
      return {
        p99,
        ratio: p99 / percentile(alone, 0.99),
        median: percentile(beside.times, 0.5),
        deleted: beside.perSecond,
      }
    }
  },
}

/** For some time, or until all is deleted. */
async function pushBeside(
  subject: Subject,
  { besideBlobs, besideSeconds }: Scale,
): Promise<{ times: number[]; perSecond: number }> {
  await using server = await subject.start(subject.contestant.collects?.while)
  const isBegun = () => countKnown(subject.data) < besideBlobs
  await until('the first blob is deleted', isBegun, { withinMilliseconds: LONGEST_MILLISECONDS })
  let pushed = 0
  const left = () => countKnown(server.data) - pushed
  const [before, began] = [left(), performance.now()]
  const seconds = () => (performance.now() - began) / 1000
  const times = await pushWhile(server, 'beside', () => {
    pushed += PUSHES_A_LOOK * (LAYERS + 1)
    return left() > 0 && seconds() < besideSeconds
  })
  return { times, perSecond: (before - left()) / seconds() }
}

async function pushAlone(subject: Subject, pushes: number): Promise<number[]> {
  await using server = await subject.start(subject.contestant.collects?.not)
  let looks = pushes / PUSHES_A_LOOK
  return await pushWhile(server, 'alone', () => --looks > 0)
}

/** Milliseconds of each push. */
async function pushWhile(server: Server, name: string, goesOn: () => boolean): Promise<number[]> {
  using connection = await Connection.open(server.port)
  const times: number[] = []
  do {
    for (let count = 0; count < PUSHES_A_LOOK; count++) {
      const tag = `${name}-${times.length}`
      const image = sampleImage(tag, LAYERS)
      const began = performance.now()
      await pushImage(connection, REPOSITORY, tag, image)
      times.push(performance.now() - began)
    }
  } while (goesOn())
  return times
}
