/** What the writer is told when it starts, wherever it runs: plain data. */
import type { LogSettings } from './log.ts'
import type { VolumeFacts } from './volume.ts'

/** How others find the writer's process and what it writes. */
export interface WriterAddress {
  readonly socket: string
  readonly databasePath: string
}

export interface WriterSettings {
  readonly databasePath: string
  /** The data folder, or null where bytes live in memory. */
  readonly volume: VolumeFacts | null
  readonly log: LogSettings
}
