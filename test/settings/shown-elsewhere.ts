/** Keys whose effect a test of another suite shows: it is there, runs, sets the key and expects something of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ShownElsewhere {
  readonly key: string
  readonly file: string
  /** What the test is called. */
  readonly title: string
  /** How it sets the key, in its own words. */
  readonly by: string
}

/** What such a test does, as it is written. Throws where there is none, or one that may be left out. */
export function readTest({ file, title }: Pick<ShownElsewhere, 'file' | 'title'>): string {
  const source = readFileSync(join(import.meta.dir, '../..', file), 'utf8')
  if (/\b(?:test|describe)\.(?:skip|todo|only|if|failing)/.test(source)) {
    throw new Error(`not every test of ${file} runs`)
  }
  const name = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const body = new RegExp(`^( *)test\\((['"\`])${name}\\2, .*\\n([^]*?)^\\1\\}\\)$`, 'm').exec(source)?.[3]
  if (body === undefined) throw new Error(`${file} has no test "${title}"`)
  return body
}
