/**
 * Where a server's lines go: the log to standard error, and off a terminal the combined line of every request to
 * standard output, as registry:2 does.
 */

import { VERSION } from '../app/version.ts'
import type { LogConfig } from '../config/config.ts'
import { LineWriter } from '../observability/line-writer.ts'
import { createLog, type Log } from '../observability/log.ts'
import { createRequestLog, type RequestLog } from '../observability/request-log.ts'
import type { Terminal } from './terminal.ts'

export interface ServerLog {
  readonly log: Log
  readonly logRequest: RequestLog
  /** For how far something is, below the lines; null where nobody watches. */
  readonly draw: Terminal['draw']
  /** Resolves when what was said has been written, as far as somebody reads. */
  close(): Promise<void>
}

const STANDARD_OUTPUT = 1
const STANDARD_ERROR = 2

/** Who writes to the two outputs: this process alone, or other processes of the server too. */
export type Writers = 'one process' | 'several processes'

export function openServerLog(config: LogConfig, terminal: Terminal, writers: Writers): ServerLog {
  return config.format === 'pretty' ? forPeople(config, terminal) : forPrograms(config, writers)
}

/** What programs can tell one server, and one start of it, from another by. As registry:2 calls them. */
export function withIdentity(config: LogConfig): LogConfig {
  if (config.format === 'pretty') return config
  return { ...config, fields: { ...config.fields, 'instance.id': crypto.randomUUID(), version: VERSION } }
}

function forPeople(config: LogConfig, { hasColor, note, draw }: Terminal): ServerLog {
  const log = createLog({ ...config, color: hasColor, write: note })
  const logRequest = createRequestLog({ ...config, log, write: note, writeCombined: null })
  return { log, logRequest: config.accessLog ? logRequest : () => {}, draw, close: () => Promise.resolve() }
}

function forPrograms(config: LogConfig, writers: Writers): ServerLog {
  const isShared = writers === 'several processes'
  const errors = new LineWriter({
    descriptor: STANDARD_ERROR,
    isShared,
    onLost: tellOfLost('standard error'),
  })
  const output = new LineWriter({
    descriptor: STANDARD_OUTPUT,
    isShared,
    onLost: tellOfLost('standard output'),
  })
  const write = (line: string) => errors.write(line)
  const log = createLog({ ...config, write })
  const writeCombined = config.accessLog ? (line: string) => output.write(line) : null
  function tellOfLost(where: string): (lines: number) => void {
    return (lines) => log.warn({ lines }, `lines were lost, for nobody reads ${where}, or too slowly`)
  }
  return {
    log,
    logRequest: createRequestLog({ ...config, log, write, writeCombined }),
    draw: null,
    async close() {
      await Promise.all([output.close(), errors.close()])
    },
  }
}
