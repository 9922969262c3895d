/**
 * Which oddities of the images' folder the operator has been told of: a text file in Berth's own folder, one line
 * each, for people to read and for the next start to know what is new. Who deletes it is told everything again.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../lib/thrown.ts'
import { replaceFile } from '../lib/whole-file.ts'
import { describeFinding, type Finding } from '../registry/tree/findings.ts'
import { findingsPath } from '../storage/layout.ts'

const HEADING =
  '# What is odd in the images, and was left as it is: when it was found first, what it is, where it lies.\n' +
  '# Berth tells each once, in its log, and knows by this file what it has told.\n'

/** From then on only what is there now is kept. */
const MOST_LINES = 20_000

export function findingsFile(root: string): string {
  return join(root, findingsPath)
}

/**
 * Gives a sentence for each kind of finding that has not been told, and remembers it as told. Throws what the file
 * system throws: then it will be told again.
 */
export async function tellNewFindings(root: string, findings: readonly Finding[]): Promise<string[]> {
  const file = findingsFile(root)
  const lines = await readLines(file)
  const told = new Set(lines.map(keyOfLine))
  const news = findings.map((finding) => withoutTold(finding, told)).filter(({ count }) => count > 0)
  if (news.length === 0) return []
  const known = lines.length > MOST_LINES ? [] : lines
  const added = (known.length === 0 ? findings : news).flatMap(linesOf)
  await replaceFile({ path: file, text: `${HEADING}${[...known, ...added].join('\n')}\n`, mode: 0o600 })
  return news.map((finding) => `${describeFinding(finding)} (all that was found: ${file})`)
}

export async function forgetFindings(root: string): Promise<void> {
  await rm(findingsFile(root), { force: true })
}

/** What is beyond the places that are kept is told with the first of them, and never again. */
function withoutTold(finding: Finding, told: ReadonlySet<string>): Finding {
  const places = finding.places.filter((place) => !told.has(keyOf(finding.kind, place)))
  const isFirst = places.length === finding.places.length
  return { ...finding, places, count: isFirst ? finding.count : places.length }
}

function linesOf({ kind, count, places }: Finding): string[] {
  const now = new Date().toISOString()
  const lines = places.map((place) => `${now}\t${keyOf(kind, place)}`)
  return count > places.length ? [...lines, `# and ${count - places.length} more of this kind`] : lines
}

/** On one line, whatever the name of a file is. */
function keyOf(kind: string, place: string): string {
  return `${kind}\t${JSON.stringify(place).slice(1, -1)}`
}

function keyOfLine(line: string): string {
  return line.slice(line.indexOf('\t') + 1)
}

async function readLines(file: string): Promise<string[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n')
    return lines.filter((line) => line !== '' && !HEADING.includes(line))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}
