/**
 * Lines for people: the time of day, the level, the sentence, then the fields, dimmed. A request is told as
 * one would tell it, not by field names; a stack follows on lines of its own.
 */
import { escapeControls, quoteWhereNeeded } from './logrus.ts'
import { flatFields, type LogRecord } from './record.ts'
import { isServedRequest, type ServedRequestFields } from './served-request.ts'

type Paint = (text: string) => string
type Colour = 'dim' | 'green' | 'yellow' | 'red'

const CODES: Readonly<Record<Colour, number>> = { dim: 2, green: 32, yellow: 33, red: 31 }
const LEVELS: Readonly<Record<string, { readonly label: string; readonly colour: Colour }>> = {
  debug: { label: 'debug', colour: 'dim' },
  info: { label: 'info', colour: 'green' },
  warning: { label: 'warn', colour: 'yellow' },
  error: { label: 'error', colour: 'red' },
}

export function formatPrettyLine(record: LogRecord, color: boolean): string {
  const paint = (colour: Colour): Paint =>
    color ? (text) => `\x1b[${CODES[colour]}m${text}\x1b[0m` : (text) => text
  const { label, colour } = LEVELS[record.level] ?? { label: record.level, colour: 'red' }
  const dim = paint('dim')
  const head = `${dim(timeOfDay(record.time))} ${paint(colour)(label.padEnd(5))}`
  if (isServedRequest(record)) return `${head} ${request(record, dim)}\n`
  const fields = flatFields(record)
  const pairs = fields
    .filter(([key]) => !BELOW.test(key))
    .map(([key, value]) => `${key}=${quoteWhereNeeded(value)}`)
  const stacks = fields.filter(([key]) => key === 'error.stack').map(([, stack]) => dim(indented(stack)))
  const line = [head, escapeControls(record.msg), ...(pairs.length > 0 ? [dim(pairs.join(' '))] : [])].join(
    ' ',
  )
  return `${[line, ...stacks].join('\n')}\n`
}

/** What the stack says anyway, and the stack itself, which stands on the lines below. */
const BELOW = /^error\.(?:type|stack)$/

function request(record: ServedRequestFields, dim: Paint): string {
  const told = `${record['http.request.method']} ${escapeControls(record['http.request.uri'])} ${record['http.response.status']}`
  const aside = [
    record['http.response.duration'],
    record['http.response.written'] === undefined ? '' : `${record['http.response.written']}B`,
    record['http.request.remoteaddr'] ?? '',
    record['http.request.useragent'] ?? '',
    record['http.request.id'],
  ]
  return `${told} ${dim(escapeControls(aside.filter((part) => part !== '').join(' ')))}`
}

function timeOfDay(time: string): string {
  return new Date(time).toTimeString().slice(0, 8)
}

function indented(stack: string): string {
  return stack
    .split('\n')
    .map((line) => `  ${escapeControls(line.trim())}`)
    .join('\n')
}
