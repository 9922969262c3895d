/**
 * The log of the writer, which shares standard error with the process that it belongs to. A line that cannot be
 * written, for nobody reads any more or too slowly, is lost: that must not stop who wanted to write it.
 *
 * The writer tells of errors alone, which every level of the log shows: so it need not hear when the level changes,
 * neither as a thread nor as a process.
 */
import { writeSync } from 'node:fs'
import { createLog, type Log, type LogFields, type LogFormat } from '../observability/log.ts'

export type ErrorLog = Pick<Log, 'error'>

export interface LogSettings {
  readonly format: LogFormat
  readonly fields: LogFields
}

const STANDARD_ERROR = 2

export function openWriterLog({ format, fields }: LogSettings): ErrorLog {
  return createLog({ format, fields, level: 'error', write })
}

function write(line: string): void {
  try {
    writeSync(STANDARD_ERROR, line)
  } catch {
    // Where else should it say so?
  }
}
