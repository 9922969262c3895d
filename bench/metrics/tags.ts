/**
 * A long list of tags, on one connection: its first page, one from the middle, and the whole list, which a client
 * gets that asks without `n`.
 */
import type { Image } from '../../test/clients/images.ts'
import { Connection } from '../connection.ts'
import { costOf, type Figures, type Metric } from '../metric.ts'
import { putManifest, send } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import type { Server } from '../server.ts'

const REPOSITORY = 'bench/tags'
const FILLERS = 8

export const tagsMetric: Metric = {
  name: 'tags',
  title: ({ tags, tagsPerPage }) => `tags/list of ${tags} tags, pages of ${tagsPerPage} or whole`,
  figures: [
    { name: 'first', title: 'milliseconds, first page', better: 'less' },
    { name: 'firstCpu', title: 'CPU milliseconds, first page', better: 'less' },
    { name: 'middle', title: 'milliseconds, middle page', better: 'less' },
    { name: 'middleCpu', title: 'CPU milliseconds, middle page', better: 'less' },
    { name: 'whole', title: 'milliseconds, whole list (without n)', better: 'less' },
    { name: 'wholeCpu', title: 'CPU milliseconds, whole list (without n)', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    const image = sampleImage('tags', 1)
    await subject.publishImage(server, REPOSITORY, tagNumber(0), image)
    await fill(server, image, scale.tags)
    const whole = `/v2/${REPOSITORY}/tags/list`
    const first = `${whole}?n=${scale.tagsPerPage}`
    const middle = `${first}&last=${tagNumber(Math.floor(scale.tags / 2))}`
    const isPaged = !subject.contestant.omits.includes('tags.middle')
    await requireTags(server, first, isPaged ? scale.tagsPerPage : scale.tags)
    if (isPaged) await requireTags(server, middle, scale.tagsPerPage)
    await requireTags(server, whole, scale.tags)
    const read = (path: string) => readOverAndOver(server, path, scale.listSeconds)
    const measureRound = async () => ({
      ...named('first', await read(first)),
      ...(isPaged ? named('middle', await read(middle)) : {}),
      ...named('whole', await read(whole)),
    })
    if (scale.warmsUp) await measureRound()
    return measureRound
  },
}

function tagNumber(number: number): string {
  return `v${String(number).padStart(6, '0')}`
}

async function fill(server: Server, image: Image, tags: number): Promise<void> {
  const numbers = Array.from({ length: tags }, (_, number) => number)
  const fillFrom = async () => {
    using connection = await Connection.open(server.port)
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
      await putManifest(connection, REPOSITORY, tagNumber(number), image.root)
    }
  }
  await Promise.all(Array.from({ length: FILLERS }, fillFrom))
}

async function requireTags(server: Server, path: string, count: number): Promise<void> {
  using connection = await Connection.open(server.port)
  const answer = await send(connection, 200, { method: 'GET', path })
  const { tags } = JSON.parse(answer.body.toString()) as { readonly tags: readonly string[] }
  if (tags.length !== count) throw new Error(`GET ${path} gave ${tags.length} tags instead of ${count}.`)
}

/** Of one answer. */
interface ListCost {
  readonly milliseconds: number
  readonly cpuMilliseconds: number
}

async function readOverAndOver(server: Server, path: string, seconds: number): Promise<ListCost> {
  using connection = await Connection.open(server.port)
  let lists = 0
  const cost = await costOf(server, async () => {
    for (const end = performance.now() + seconds * 1000; performance.now() < end; lists++) {
      await send(connection, 200, { method: 'GET', path })
    }
  })
  return {
    milliseconds: (cost.seconds * 1000) / lists,
    cpuMilliseconds: (cost.cpuSeconds * 1000) / lists,
  }
}

function named(list: string, { milliseconds, cpuMilliseconds }: ListCost): Figures {
  return { [list]: milliseconds, [`${list}Cpu`]: cpuMilliseconds }
}
