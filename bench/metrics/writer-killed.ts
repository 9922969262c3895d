/**
 * The process that alone writes is killed while several clients put tags: from the kill to the first success of
 * a PUT that was sent when it was dead.
 */
import { until } from '../../test/until.ts'
import { Connection } from '../connection.ts'
import type { Metric } from '../metric.ts'
import { manifestPath, pushImage } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import type { Server } from '../server.ts'
import type { Subject } from '../subject.ts'

const REPOSITORY = 'bench/writer-killed'
const CLIENTS = 8
const PUTS_BEFORE = 100
const CREATED = 201
const LONGEST_OUTAGE_MILLISECONDS = 30_000

export const writerKilledMetric: Metric = {
  name: 'writer-killed',
  title: () => `two workers, the writer killed with ${CLIENTS} commands in flight, until writes work again`,
  figures: [{ name: 'wall', title: 'milliseconds', better: 'less' }],
  needs: [],
  async prepare(subject) {
    return async (round) => {
      await using server = await subject.start(subject.contestant.writer?.environment)
      return { wall: await outage(subject, server, `round-${round}`) }
    }
  },
}

interface Progress {
  /** PUTs that succeeded. */
  done: number
  killedAt: number | null
  /** When a PUT sent after the death succeeded. */
  backAt: number | null
}

async function outage(subject: Subject, server: Server, prefix: string): Promise<number> {
  const progress: Progress = { done: 0, killedAt: null, backAt: null }
  const deadline = performance.now() + 2 * LONGEST_OUTAGE_MILLISECONDS
  const clients = Promise.all(
    Array.from({ length: CLIENTS }, (_, client) =>
      putTags(server, `${prefix}-${client}`, progress, deadline),
    ),
  )
  clients.catch(() => 'It is looked at below, unless what comes before fails.')
  await until('some PUTs have succeeded', () => progress.done >= PUTS_BEFORE)
  const writer = server.findWriter()
  if (writer === null) throw new Error(`${subject.contestant.name} has no writer process.`)
  const began = performance.now()
  process.kill(writer, 'SIGKILL')
  await until('the writer is dead', () => server.findWriter() !== writer)
  progress.killedAt = performance.now()
  await clients
  return (progress.backAt ?? Number.POSITIVE_INFINITY) - began
}

/** Puts tags until one has succeeded that was sent after the writer's death; failures in between are expected. */
async function putTags(server: Server, prefix: string, progress: Progress, deadline: number): Promise<void> {
  using connection = await Connection.open(server.port)
  const { root } = await pushed(connection, prefix)
  for (let count = 0; progress.backAt === null; count++) {
    if (performance.now() > deadline) throw new Error('No PUT has succeeded for a long time.')
    const isAfter = progress.killedAt !== null
    const path = manifestPath(REPOSITORY, `${prefix}-${count}`)
    const headers = { 'Content-Type': root.mediaType }
    const { status } = await connection.request({ method: 'PUT', path, headers, body: root.bytes })
    if (status !== CREATED) continue
    progress.done++
    if (isAfter) progress.backAt ??= performance.now()
  }
}

async function pushed(connection: Connection, name: string) {
  const image = sampleImage(name, 1)
  await pushImage(connection, REPOSITORY, name, image)
  return image
}
