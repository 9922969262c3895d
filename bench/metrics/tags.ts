/** The first and a middle page of a long list of tags, on one connection. */
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
  title: ({ tags, tagsPerPage }) => `tags/list of ${tags} tags, pages of ${tagsPerPage}`,
  figures: [
    { name: 'first', title: 'milliseconds, first page', better: 'less' },
    { name: 'firstCpu', title: 'CPU milliseconds, first page', better: 'less' },
    { name: 'middle', title: 'milliseconds, middle page', better: 'less' },
    { name: 'middleCpu', title: 'CPU milliseconds, middle page', better: 'less' },
  ],
  needs: [],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    const image = sampleImage('tags', 1)
    await subject.publishImage(server, REPOSITORY, tagNumber(0), image)
    await fill(server, image, scale.tags)
    const first = `/v2/${REPOSITORY}/tags/list?n=${scale.tagsPerPage}`
    const middle = `${first}&last=${tagNumber(Math.floor(scale.tags / 2))}`
    const isPaged = !subject.contestant.omits.includes('tags.middle')
    await requireTags(server, first, isPaged ? scale.tagsPerPage : scale.tags)
    if (isPaged) await requireTags(server, middle, scale.tagsPerPage)
    const read = (path: string) => readPages(server, path, scale.pagesPerRound)
    if (scale.warmsUp) await read(first)
    return async () => ({
      ...named('first', await read(first)),
      ...(isPaged ? named('middle', await read(middle)) : {}),
    })
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

interface PageCost {
  readonly milliseconds: number
  readonly cpuMilliseconds: number
}

async function readPages(server: Server, path: string, pagesPerRound: number): Promise<PageCost> {
  using connection = await Connection.open(server.port)
  const cost = await costOf(server, async () => {
    for (let count = 0; count < pagesPerRound; count++) await send(connection, 200, { method: 'GET', path })
  })
  return {
    milliseconds: (cost.seconds * 1000) / pagesPerRound,
    cpuMilliseconds: (cost.cpuSeconds * 1000) / pagesPerRound,
  }
}

function named(page: string, { milliseconds, cpuMilliseconds }: PageCost): Figures {
  return { [page]: milliseconds, [`${page}Cpu`]: cpuMilliseconds }
}
