/** registry:2's `logstash` format: one object a line, with the keys that Logstash gives a meaning to. */
import type { LogRecord } from './record.ts'

export function formatLogstashLine({ time, level, msg, ...fields }: LogRecord): string {
  return `${JSON.stringify({ '@timestamp': time, '@version': '1', ...fields, level, message: msg })}\n`
}
