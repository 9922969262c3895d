/** The log of the writer, which shares standard error with the process that it belongs to. */
import { writeSync } from 'node:fs'
import { createLog, type Log, type LogFormat, type LogLevel } from '../observability/log.ts'

export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
}

const STANDARD_ERROR = 2

export function openWriterLog(settings: LogSettings): Log {
  return createLog({ ...settings, write: (line) => writeSync(STANDARD_ERROR, line) })
}
