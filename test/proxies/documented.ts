/** The lines that docs/operate/behind-a-proxy.md gives people, with the test's addresses in place of the example's. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = join(import.meta.dir, '../../docs/operate/behind-a-proxy.md')

/** The first block of code under a heading. Throws where there is none. */
export function documentedBlock(heading: string): string {
  const [, section = ''] = readFileSync(PAGE, 'utf8').split(`\n## ${heading}\n`)
  const block = /^```\w*\n(.*?)^```$/ms.exec(section.split('\n## ')[0] ?? '')?.[1]
  if (block === undefined) throw new Error(`${PAGE} has no lines for ${heading}`)
  return block
}

/** Throws where a line is not there any more. */
export function withReplacements(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((whole, [theirs, ours]) => {
    if (!whole.includes(theirs)) throw new Error(`there is no "${theirs}" in:\n${text}`)
    return whole.replaceAll(theirs, ours)
  }, text)
}
