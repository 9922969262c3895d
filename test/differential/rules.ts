/** The rows of docs/protocols/differences.md: what docker-registry and Berth answer differently on purpose. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Rule {
  /** Its line in the file. */
  readonly line: number
  /** Each of them shows it. */
  readonly routes: readonly string[]
  /** What is special about the request, or `the status is 304`; '' for nothing. Each of them shows it. */
  readonly whens: readonly string[]
  readonly field: string
  readonly theirs: string
  readonly ours: string
  /** A specification's section or a complaint, with its address. */
  readonly why: string
}

export const RULES_FILE = join(import.meta.dir, '../../docs/protocols/differences.md')
const COLUMNS = 6

/** Throws for a row that is not one rule. */
export function readRules(): Rule[] {
  const lines = readFileSync(RULES_FILE, 'utf8').split('\n')
  return lines.flatMap((text, index) => (text.startsWith('| `') ? [parseRow(text, index + 1)] : []))
}

function parseRow(text: string, line: number): Rule {
  const cells = text
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim())
  const [route = '', when = '', field = '', theirs = '', ours = '', why = ''] = cells
  if (cells.length !== COLUMNS || [route, field, why].includes('')) {
    throw new Error(`differences.md:${line} is not a rule of ${COLUMNS} columns: ${text}`)
  }
  return {
    line,
    routes: route.split(/(?<=`), (?=`)/).map(code),
    whens: when.split('; '),
    field: code(field),
    theirs: code(theirs),
    ours: code(ours),
    why,
  }
}

/** Without its back quotes; `none` stands for nothing at all. */
function code(cell: string): string {
  return cell === 'none' ? '' : cell.replace(/^`+ ?(.*?) ?`+$/, '$1')
}

export interface Disagreement {
  readonly route: string
  /** Every condition that the request fulfils. */
  readonly conditions: readonly string[]
  readonly field: string
  readonly theirs: string
  readonly ours: string
  readonly isHead: boolean
}

export function explains(
  rule: Rule,
  { route, conditions, field, theirs, ours, isHead }: Disagreement,
): boolean {
  const shown = (value: string) => (isHead && field === 'answer' ? value.replace(/ .*/, '') : value)
  return (
    rule.routes.includes(route) &&
    rule.whens.some((when) => conditions.includes(when)) &&
    rule.field === field &&
    shown(rule.theirs) === theirs &&
    shown(rule.ours) === ours
  )
}

/** What a rule must be seen to explain: each of its routes, and each of its conditions. */
export function claimsOf({ line, routes, whens }: Rule): string[] {
  return [...routes, ...whens].map((each) => `differences.md:${line} ${each}`)
}

/** Those of its claims that this shows. */
export function claimsShown(rule: Rule, { route, conditions }: Disagreement): string[] {
  const shown = [route, ...rule.whens.filter((when) => conditions.includes(when))]
  return shown.map((each) => `differences.md:${rule.line} ${each}`)
}
