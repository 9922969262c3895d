/**
 * Tells of every request that was answered: to the log, and in the combined line of web servers beside it.
 *
 * For programs (`text`, `json`, `logstash`) each has a line at the levels of registry:2: info, an error where it
 * was refused, a warning where a login was asked for. For people at a terminal (`pretty`) what goes on all day (pulls,
 * and the questions that clients ask before they push) is for debug; what changes something or is refused is for
 * info; what we failed at is a warning.
 * Thousands are told of each second, so nothing here goes through the log's own formatting, and what nobody will
 * read is not collected.
 */
import { formatCombinedLine } from './combined.ts'
import { type Log, type LogLevel, type LogOptions, levelName } from './log.ts'
import { formatSortedLogrusLine, sortedPairs } from './logrus.ts'
import { formatLogstashLine } from './logstash.ts'
import type { LogRecord } from './record.ts'
import { fieldsOf, type ServedRequest, sentenceOf } from './served-request.ts'

export interface RequestLogOptions extends Pick<LogOptions, 'format' | 'fields' | 'write'> {
  /** Whose level decides which requests have a line. */
  readonly log: Log
  /** Takes the combined lines; null for none. */
  readonly writeCombined: ((line: string) => void) | null
}

/** `describe` is called only where there will be a line. */
export type RequestLog = (
  outcome: Pick<ServedRequest, 'method' | 'status'>,
  describe: () => ServedRequest,
) => void

export function createRequestLog(options: RequestLogOptions): RequestLog {
  const { log, format, writeCombined } = options
  if (format === 'pretty') return tellPeople(log)
  const tell = lineOf(options)
  return (outcome, describe) => {
    const level = levelForPrograms(outcome.status)
    const hasLine = log.isLevelEnabled(level)
    if (!hasLine && writeCombined === null) return
    const request = describe()
    const now = new Date()
    writeCombined?.(formatCombinedLine(request, now))
    if (hasLine && (request.variables !== null || request.status >= 400)) {
      options.write(tell(request, levelName(level), now))
    }
  }
}

function tellPeople(log: Log): RequestLog {
  return ({ method, status }, describe) => {
    const level = levelForPeople(method, status)
    if (!log.isLevelEnabled(level)) return
    const request = describe()
    log[level](fieldsOf(request), sentenceOf(request))
  }
}

function lineOf({
  format,
  fields = {},
}: RequestLogOptions): (request: ServedRequest, level: string, now: Date) => string {
  const always = sortedPairs(fields)
  return (request, level, now) => {
    const head = { time: now.toISOString(), level, msg: sentenceOf(request) }
    const own = fieldsOf(request)
    if (format === 'text') return formatSortedLogrusLine(head, own, always)
    const record: LogRecord = { ...head, ...fields, ...own }
    return format === 'json' ? `${JSON.stringify(record)}\n` : formatLogstashLine(record)
  }
}

function levelForPrograms(status: number): LogLevel {
  if (status < 400) return 'info'
  return status === 401 ? 'warn' : 'error'
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A read that is refused so is news; 401 and 404 are how clients ask. */
const REFUSALS = new Set([403, 429])

function levelForPeople(method: string, status: number): LogLevel {
  if (status >= 500) return 'warn'
  return READS.has(method) && !REFUSALS.has(status) ? 'debug' : 'info'
}
