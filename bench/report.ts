/** The report: a head, a table of figures, one of ratios, and one of targets, in Markdown. */
import type { Contestant } from './contestant.ts'
import type { Measurements } from './measure.ts'
import type { Figure, Metric, Scale } from './metric.ts'
import { ratiosOf, type Summary, summarize } from './statistics.ts'
import { type Judgement, judge, OURS, TARGETS } from './targets.ts'

export interface Participant {
  readonly contestant: Contestant
  readonly version: string
}

export interface Report {
  readonly date: Date
  readonly machine: readonly string[]
  readonly participants: readonly Participant[]
  /** Who is described and could not take part, and why. */
  readonly absent: readonly string[]
  readonly metrics: readonly Metric[]
  readonly scale: Scale
  readonly measurements: Measurements
  /** Contestants that gave a wrong answer or none, and why. */
  readonly failures: readonly string[]
  readonly minutes: number
}

const MISSING = '–'

/** Everything, with headings. */
export function formatReport(report: Report): string {
  const parts = [
    '# Results',
    formatHead(report),
    '## Figures',
    `The median of ${report.scale.rounds} rounds, and the least and the most in brackets.`,
    formatFigures(report),
    ...formatRatios(report),
    ...formatTargets(report),
    ...formatFailures(report),
  ]
  return `${parts.join('\n\n')}\n`
}

function formatHead({ date, machine, participants, absent, minutes }: Report): string {
  const versions = participants.map(
    ({ contestant, version }) => `- **${contestant.title}** ${version}: ${contestant.note}`,
  )
  return [
    `Run of ${date.toISOString().slice(0, 10)}, ${minutes.toFixed(0)} minutes.`,
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    ...versions,
    ...absent.map((line) => `- not here: ${line}`),
  ].join('\n')
}

interface Row {
  readonly figure: Figure
  /** `metric.figure` */
  readonly name: string
  readonly title: string
}

function rowsOf({ metrics, scale, measurements }: Report): Row[] {
  return metrics
    .flatMap((metric) =>
      metric.figures.map((figure) => ({
        figure,
        name: `${metric.name}.${figure.name}`,
        title: `${metric.title(scale)}: ${figure.title}`,
      })),
    )
    .filter(({ name }) => measurements.has(name))
}

/** One row for each figure, one column for each contestant. */
function formatFigures(report: Report): string {
  const contestants = report.participants.map(({ contestant }) => contestant)
  const rows = rowsOf(report).map(({ name, title }) => [
    title,
    ...contestants.map((contestant) => {
      const values = report.measurements.get(name)?.get(contestant.name)
      return values === undefined ? MISSING : formatSummary(summarize(values))
    }),
  ])
  return formatTable(['', ...contestants.map(({ title }) => title)], rows)
}

function formatRatios(report: Report): string[] {
  const contestants = report.participants.map(({ contestant }) => contestant)
  const ours = contestants.find(({ name }) => name === OURS)
  const others = contestants.filter(({ name }) => name !== OURS)
  if (ours === undefined || others.length === 0) return []
  const rows = rowsOf(report).flatMap(({ name, title, figure }) => {
    const cells = others.map(({ name: other }) => ratioCell(report.measurements.get(name), other))
    return cells.every((cell) => cell === MISSING)
      ? []
      : [[`${title} (${figure.better} is better)`, ...cells]]
  })
  return [
    '## Ratios',
    `${ours.title}'s figure divided by the other's, round by round: the median, the least and the most.`,
    formatTable(['', ...others.map(({ title }) => title)], rows),
  ]
}

function ratioCell(byContestant: ReadonlyMap<string, readonly number[]> | undefined, other: string): string {
  const [ours, theirs] = [byContestant?.get(OURS), byContestant?.get(other)]
  if (ours === undefined || theirs === undefined) return MISSING
  const ratios = ratiosOf(ours, theirs)
  return ratios.every(Number.isFinite) ? formatSummary(summarize(ratios), ' ×') : MISSING
}

function formatTargets(report: Report): string[] {
  const rows = TARGETS.map((target) => judge(target, report.measurements))
    .filter((judgement) => judgement !== null)
    .map((judgement) => targetRow(judgement, report))
  return rows.length === 0 ? [] : ['## Targets', formatTable(['', 'target', 'measured', ''], rows)]
}

function formatFailures({ failures }: Report): string[] {
  return failures.length === 0 ? [] : ['## Failed', failures.map((line) => `- ${line}`).join('\n')]
}

function targetRow({ target, measured, isReached, margin }: Judgement, report: Report): string[] {
  const title = rowsOf(report).find(({ name }) => name === target.figure)?.title ?? target.figure
  const other = report.participants.find(({ contestant }) => contestant.name === target.against)
  const unit = other === undefined ? '' : ` × ${other.contestant.title}`
  const bound =
    target.atLeast !== undefined
      ? `≥ ${target.atLeast}${unit}`
      : `≤ ${formatNumber(target.atMost ?? 0)}${unit}`
  const verdict = `${isReached ? 'reached' : '**not reached**'}, by ${formatNumber(Math.abs(margin) * 100)} %`
  return [title, bound, formatSummary(measured, other === undefined ? '' : ' ×'), verdict]
}

function formatSummary({ median, least, most }: Summary, unit = ''): string {
  const range = least === most ? '' : ` (${formatNumber(least)}–${formatNumber(most)})`
  return `${formatNumber(median)}${unit}${range}`
}

/** Three significant digits, thousands apart. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return MISSING
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 4 }).replaceAll(',', ' ')
}

/** The first column is text, the others are numbers. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
