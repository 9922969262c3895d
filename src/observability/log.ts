/**
 * The log: one line an event, with a level, fields and a sentence.
 *
 * `json` and `logstash` have one object a line and `text` is registry:2's lines, all with the keys and level names
 * that its log readers know; `pretty` is for people at a terminal. Whoever starts the program decides where lines go
 * and whether they may have colours; nothing here looks at the environment.
 * Invariant: a line ends where it ends: what clients send cannot begin another, nor steer a terminal.
 */
import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino'
import { formatLogrusLine } from './logrus.ts'
import { formatLogstashLine } from './logstash.ts'
import { formatPrettyLine } from './pretty.ts'
import type { LogRecord } from './record.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'pretty' | 'text' | 'json' | 'logstash'

/** What a line says besides its sentence. An Error goes under `error`. Never credentials. */
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A log whose lines all carry these fields too. */
  child(fields: LogFields): Log
  /** From now on; the children that were made of it before keep theirs. */
  setLevel(level: LogLevel): void
  /** For fields that are dear to collect. */
  isLevelEnabled(level: LogLevel): boolean
}

export interface LogOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel
  readonly format: LogFormat
  /** Colours, in `pretty` only. */
  readonly color?: boolean
  /** On every line. */
  readonly fields?: LogFields
  /** Takes one whole line, with its end. */
  write(line: string): void
}

export function createLog(options: LogOptions): Log {
  const { level, fields = {} } = options
  const log = pino(
    {
      level,
      base: { ...fields },
      errorKey: 'error',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: levelName(label) }) },
      serializers: { error: stdSerializers.err },
    },
    { write: lineWriter(options) },
  )
  return Object.assign(log, { setLevel })
}

/** Of the log that it is called on. */
function setLevel(this: Logger, level: LogLevel): void {
  this.level = level
}

/** As logrus calls them. */
export function levelName(level: string): string {
  return level === 'warn' ? 'warning' : level
}

/** Takes pino's lines, which are those of `json`. */
function lineWriter({ format, color = false, write }: LogOptions): (line: string) => void {
  const record = (line: string): LogRecord => JSON.parse(line)
  switch (format) {
    case 'json':
      return write
    case 'logstash':
      return (line) => write(formatLogstashLine(record(line)))
    case 'text':
      return (line) => write(formatLogrusLine(record(line)))
    case 'pretty':
      return (line) => write(formatPrettyLine(record(line), color))
  }
}
