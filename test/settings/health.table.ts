import { expect } from 'bun:test'
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newBlob } from '../sample-content.ts'
import { until } from '../until.ts'
import type { ArrangedServer } from './arranged-server.ts'
import { openDeafPort } from './deaf-port.ts'
import type { Observed } from './observed.ts'
import { pushBlob, statusOf } from './wire.ts'

/** Sooner than with the usual 10 s between two looks. */
const SOON = { withinMilliseconds: 8000 }

async function turnsAway(server: ArrangedServer): Promise<void> {
  await until('it turns everybody away', async () => (await statusOf(server, '/v2/')) === 503, SOON)
}

async function letsIn(server: ArrangedServer): Promise<void> {
  await until('it lets everybody in', async () => (await statusOf(server, '/v2/')) === 200, SOON)
}

/** Something else that must be well: it answers 204 to whoever knows the word, until it is told to be ill. */
const neighbour: { state: 'well' | 'ill' | 'asleep'; asked: number } = { state: 'well', asked: 0 }

function startNeighbour(): { readonly port: number } & Disposable {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answerAsNeighbour })
  return { port: server.port ?? 0, [Symbol.dispose]: () => void server.stop(true) }
}

async function answerAsNeighbour({ headers, signal }: Request): Promise<Response> {
  neighbour.asked++
  if (neighbour.state === 'asleep') await new Promise((resolve) => signal.addEventListener('abort', resolve))
  const isKnown = headers.get('x-word') === 'attic'
  return new Response(null, { status: neighbour.state === 'well' && isKnown ? 204 : 500 })
}

async function isSeenToBe(state: 'ill' | 'asleep', server: ArrangedServer): Promise<void> {
  neighbour.state = state
  await turnsAway(server)
  neighbour.state = 'well'
  await letsIn(server)
}

/** Until it is disposed of. */
async function breakStorage(server: ArrangedServer): Promise<Disposable> {
  await pushBlob(server, newBlob())
  const blobs = join(server.place.folder, 'data/docker')
  renameSync(blobs, `${blobs}-away`)
  // A link to itself: no error that says that something is not there.
  symlinkSync(blobs, blobs)
  return {
    [Symbol.dispose]() {
      rmSync(blobs)
      renameSync(`${blobs}-away`, blobs)
    },
  }
}

/** Its checks fail, and it lets everybody in all the same, until the neighbour has been looked at ten times. */
async function bearsFailures(server: ArrangedServer): Promise<void> {
  const before = neighbour.asked
  await until('many looks were taken', async () => {
    expect(await statusOf(server, '/v2/')).toBe(200)
    return neighbour.asked >= before + 10
  })
}

export const HEALTH: readonly Observed[] = [
  {
    what: 'a look at the storage',
    settings: () => ({
      'health.storagedriver.enabled': true,
      'health.storagedriver.interval': '100ms',
      'health.storagedriver.threshold': 1,
    }),
    keys: {
      'health.storagedriver.enabled': async (server) => {
        await letsIn(server)
        using _ = await breakStorage(server)
        await turnsAway(server)
      },
      'health.storagedriver.interval': letsIn,
    },
  },
  {
    what: 'a file that closes the registry',
    settings: ({ folder }) => ({
      'health.file[].file': join(folder, 'closed'),
      'health.file[].interval': '100ms',
    }),
    keys: {
      'health.file[].file': async (server) => {
        await letsIn(server)
        writeFileSync(join(server.place.folder, 'closed'), '')
        await turnsAway(server)
      },
      'health.file[].interval': turnsAway,
    },
  },
  {
    what: 'a neighbour that must be well',
    settings: ({ closers }) => ({
      'health.http[].uri': `http://127.0.0.1:${closers.use(startNeighbour()).port}/`,
      'health.http[].headers': { 'X-Word': ['attic'] },
      'health.http[].statuscode': 204,
      'health.http[].timeout': '200ms',
      'health.http[].interval': '100ms',
      'health.http[].threshold': 3,
    }),
    keys: {
      'health.http[].headers': letsIn,
      'health.http[].statuscode': letsIn,
      'health.http[].uri': (server) => isSeenToBe('ill', server),
      'health.http[].interval': (server) => isSeenToBe('ill', server),
      'health.http[].timeout': (server) => isSeenToBe('asleep', server),
      'health.http[].threshold': async (server) => {
        neighbour.state = 'ill'
        const before = neighbour.asked
        await turnsAway(server)
        expect(neighbour.asked - before).toBeGreaterThanOrEqual(3)
        neighbour.state = 'well'
      },
    },
  },
  {
    what: 'a port that must be open',
    settings: ({ otherPort }) => ({
      'health.tcp[].addr': `127.0.0.1:${otherPort}`,
      'health.tcp[].interval': '100ms',
      'health.tcp[].threshold': 2,
    }),
    keys: {
      'health.tcp[].addr': async (server) => {
        await turnsAway(server)
        const opened = Bun.listen({
          hostname: '127.0.0.1',
          port: server.place.otherPort,
          socket: { data() {} },
        })
        await letsIn(server)
        opened.stop(true)
      },
      'health.tcp[].interval': turnsAway,
    },
  },
  {
    what: 'checks that may fail often',
    settings: ({ otherPort, closers }) => ({
      'health.storagedriver.enabled': true,
      'health.storagedriver.interval': '100ms',
      'health.storagedriver.threshold': 10_000,
      'health.tcp[].addr': `127.0.0.1:${otherPort}`,
      'health.tcp[].interval': '100ms',
      'health.tcp[].threshold': 10_000,
      // Looked at as often as the others, it says how often they were.
      'health.http[].uri': `http://127.0.0.1:${closers.use(startNeighbour()).port}/`,
      'health.http[].headers': { 'X-Word': ['attic'] },
      'health.http[].statuscode': 204,
      'health.http[].interval': '100ms',
    }),
    keys: {
      'health.tcp[].threshold': bearsFailures,
      'health.storagedriver.threshold': async (server) => {
        using _ = await breakStorage(server)
        await bearsFailures(server)
      },
    },
  },
  {
    what: 'a port that must answer soon',
    settings: async ({ closers }) => {
      const { port } = closers.use(await openDeafPort())
      return {
        'health.tcp[].addr': `127.0.0.1:${port}`,
        'health.tcp[].interval': '100ms',
        'health.tcp[].timeout': '200ms',
      }
    },
    keys: {
      'health.tcp[].timeout': async (server) => {
        // Sooner than by the usual 5 s.
        await until('it is seen', async () => (await statusOf(server, '/v2/')) === 503, {
          withinMilliseconds: 4500,
        })
      },
    },
  },
]
