/**
 * The log of the writer, which shares standard error with the process that it belongs to. A line that cannot be
 * written, for nobody reads any more or too slowly, is lost: that must not stop who wanted to write it.
 */
import { writeSync } from 'node:fs'
import { createLog, type Log, type LogFields, type LogFormat, type LogLevel } from '../observability/log.ts'

export interface LogSettings {
  readonly level: LogLevel
  readonly format: LogFormat
  readonly fields: LogFields
}

const STANDARD_ERROR = 2

export function openWriterLog(settings: LogSettings): Log {
  return createLog({ ...settings, write })
}

function write(line: string): void {
  try {
    writeSync(STANDARD_ERROR, line)
  } catch {
    // Where else should it say so?
  }
}
