/**
 * Which suites there are: the tests beside the code as one, every file and every folder of `test/` that has
 * tests as one each. Nobody registers a suite; but each needs its seconds in budget.json.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface Suite {
  readonly name: string
  /** A file or folder, relative to the checkout, that starts with `./`. */
  readonly path: string
  /** What it usually takes at most; three times as much is a failure. */
  readonly seconds: number
}

const TEST_FILE = /\.test\.tsx?$/

function hasTests(folder: string): boolean {
  if (!existsSync(folder)) return false
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((name) => TEST_FILE.test(name))
}

function pathsOf(checkout: string): Map<string, string> {
  const paths = new Map<string, string>()
  if (hasTests(join(checkout, 'src'))) paths.set('unit', './src/')
  for (const entry of readdirSync(join(checkout, 'test'), { withFileTypes: true })) {
    if (entry.isFile() && TEST_FILE.test(entry.name)) {
      paths.set(entry.name.replace(TEST_FILE, ''), `./test/${entry.name}`)
    }
    if (entry.isDirectory() && hasTests(join(checkout, 'test', entry.name))) {
      paths.set(entry.name, `./test/${entry.name}/`)
    }
  }
  return paths
}

/** Every suite of the checkout. Throws when one has no seconds in the budget. */
export function findSuites(checkout: string, budget: Readonly<Record<string, number>>): Suite[] {
  return [...pathsOf(checkout)].map(([name, path]) => {
    const seconds = budget[name]
    if (seconds === undefined)
      throw new Error(`test/budget.json has no line for the suite "${name}" (${path}).`)
    return { name, path, seconds }
  })
}
