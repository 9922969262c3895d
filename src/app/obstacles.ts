/** What keeps everybody from storing anything: looked for while this process runs, told in the log and to Prometheus. */
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import { Obstacles, type ObstructedPlace, tryRegistry } from '../registry/obstacles.ts'
import type { Registry } from '../registry/registry.ts'
import { describeVolume } from '../storage/filesystem/volume.ts'
import type { AppMetrics } from './metrics.ts'

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
    // Where nothing is to be changed, nobody needs to know whether it could be.
    attempt: config.storage.readOnly ? () => Promise.resolve() : tryRegistry(registry),
    watch: {
      began: (place, error) => void tellBegin(config, place, error, log),
      ended: (place) => log.info({ place }, 'what is pushed can be stored again'),
    },
  })
  closers.defer(() => obstacles.stop())
  metrics.alsoDescribe(() => [describeObstacles(obstacles)])
  return obstacles
}

async function tellBegin(config: Config, place: ObstructedPlace, error: Error, log: Log): Promise<void> {
  const room = await roomAt(config, place).catch(() => ({}))
  log.error(
    { place, error, ...room },
    'nothing can be stored now: pushes are refused, pulls go on, and the log says when that has ended',
  )
}

/** Bytes and files that may still be written: a disk is full also where only the one or the other is used up. */
async function roomAt(
  { storage, database }: Config,
  place: ObstructedPlace,
): Promise<{ readonly freeBytes?: number; readonly freeFiles?: number }> {
  const root = storage.driver.kind === 'filesystem' ? storage.driver.root : null
  const own = database.kind === 'sqlite' && database.path !== null ? dirname(database.path) : root
  const folder = place === 'storage' ? root : own
  if (folder === null || (place === 'database' && database.kind === 'postgres')) return {}
  const { freeBytes, freeFiles } = await describeVolume(folder)
  return { freeBytes, ...(freeFiles === null ? {} : { freeFiles }) }
}

/** 1 for what there is now. */
function describeObstacles({ found }: Obstacles): Metric {
  const values = (['storage', 'database'] as const).flatMap((place) =>
    (['full', 'read-only'] as const).map((reason) => ({
      labels: { place, reason },
      value: found.get(place) === reason ? 1 : 0,
    })),
  )
  return gauge('berth_obstacle', 'Whether this keeps everything from being stored.', values, 'max')
}
