/** What keeps everybody from storing anything: looked for while this process runs, told in the log and to Prometheus. */
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { DatabaseFull } from '../metadata/unavailable.ts'
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import { Obstacles, type ObstructedPlace, type TryPlace, tryRegistry } from '../registry/obstacles.ts'
import type { Registry } from '../registry/registry.ts'
import { findObstacle } from '../registry/temporary.ts'
import { StorageFull } from '../storage/blob-store.ts'
import { reservePath } from '../storage/layout.ts'
import { DiskRoom } from './disk-room.ts'
import type { AppMetrics } from './metrics.ts'

const PLACES = ['storage', 'database'] as const

export interface ObstaclesOptions {
  readonly config: Config
  readonly registry: Registry
  readonly log: Log
  readonly metrics: AppMetrics
}

/** Until the closers run. */
export function openObstacles(
  { config, registry, log, metrics }: ObstaclesOptions,
  closers: AsyncDisposableStack,
): Obstacles {
  const obstacles = new Obstacles({
    attempt: attemptsOf(config, registry),
    watch: {
      began: (place, error) => void tellBegin(config, place, error, log),
      ended: (place) => log.info({ place }, 'what is pushed can be stored again'),
    },
  })
  closers.defer(() => obstacles.stop())
  metrics.alsoDescribe(() => [describeObstacles(obstacles)])
  return obstacles
}

function attemptsOf(config: Config, registry: Registry): TryPlace {
  // Where nothing is to be changed, nobody needs to know whether it could be.
  if (config.storage.readOnly) return () => Promise.resolve()
  const attempt = tryRegistry(registry)
  const rooms = new Map(PLACES.map((place) => [place, roomOf(config, place)]))
  return async (place, bytes) => {
    const room = rooms.get(place) ?? null
    if (room !== null) await room.require(bytes)
    if (bytes === 0) return
    await attempt(place, bytes).catch(async (error) => {
      if (findObstacle(error) === 'full') await room?.giveUp()
      throw error
    })
  }
}

async function tellBegin(config: Config, place: ObstructedPlace, error: Error, log: Log): Promise<void> {
  const left = await roomOf(config, place)
    ?.left()
    .catch(() => null)
  log.error(
    { place, error, ...left },
    'nothing can be stored now: pushes are refused, pulls and deletions go on where they can, and the log says when that has ended',
  )
}

/** Null where that is no disk of this machine's. */
function roomOf({ storage, database }: Config, place: ObstructedPlace): DiskRoom | null {
  const root = storage.driver.kind === 'filesystem' ? storage.driver.root : null
  const storageRoom = root === null ? null : new DiskRoom(root, join(root, reservePath), StorageFull)
  if (place === 'storage') return storageRoom
  if (database.kind === 'postgres') return null
  if (database.path === null)
    return root === null ? null : new DiskRoom(root, join(root, reservePath), DatabaseFull)
  const folder = dirname(database.path)
  return new DiskRoom(folder, join(folder, 'berth-reserve'), DatabaseFull)
}

/** 1 for what there is now. */
function describeObstacles({ found }: Obstacles): Metric {
  const values = PLACES.flatMap((place) =>
    (['full', 'read-only'] as const).map((reason) => ({
      labels: { place, reason },
      value: found.get(place) === reason ? 1 : 0,
    })),
  )
  return gauge('berth_obstacle', 'Whether this keeps everything from being stored.', values, 'max')
}
