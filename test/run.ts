/**
 * `npm test`: everything. Brings the tools, then runs each suite with `bun test` in a process of its own, two
 * at a time (save those that run alone at the end), and ends with a table, the list of what could not run here, and one line `N passed, N failed`.
 * A suite that crashes, runs no test, leaves a process behind, or takes three times its seconds of
 * budget.json has failed. `npm test -- clients fault` runs these suites only. What chance decides in them
 * depends on FAULT_SEED, which is printed first.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import budget from './budget.json'
import { installTools } from './tools/install.ts'
import { closingLine, resultLine, runSuite, type SuiteResult } from './tools/suite-run.ts'
import { findSuites, type Suite } from './tools/suites.ts'

const checkout = join(import.meta.dir, '..')
const results = join(checkout, 'test-results')
const LANES = 2
/** It writes gigabytes: beside another suite it would hold up that one's disk. */
const ALONE = ['memory']

/** Also where nobody has chosen one, so that a run can be repeated by what it printed. */
function announceSeed(): void {
  const seed = process.env['FAULT_SEED'] ?? '1'
  process.env['FAULT_SEED'] = seed
  console.log(`FAULT_SEED=${seed}`)
}

async function bringTools(): Promise<void> {
  const start = performance.now()
  const { installed, missing } = await installTools()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`tools: ${installed.length} installed, ${missing.length} missing, ${seconds} s`)
}

/** The suites that were asked for, or all; throws with their names when one does not exist. */
function chosenSuites(names: readonly string[]): Suite[] {
  const all = findSuites(checkout, budget)
  const unknown = names.filter((name) => all.every((suite) => suite.name !== name))
  if (unknown.length > 0) {
    throw new Error(
      `No suite is called ${unknown.join(', ')}. There are: ${all.map((suite) => suite.name).join(', ')}`,
    )
  }
  const chosen = names.length === 0 ? all : all.filter((suite) => names.includes(suite.name))
  return chosen.sort((a, b) => b.seconds - a.seconds)
}

/** Runs the suites in as many lanes at a time, the longest first, and then those that run alone. */
async function runAll(suites: readonly Suite[]): Promise<SuiteResult[]> {
  const isAlone = (suite: Suite) => ALONE.includes(suite.name)
  const together = await runIn(
    LANES,
    suites.filter((suite) => !isAlone(suite)),
  )
  return [...together, ...(await runIn(1, suites.filter(isAlone)))]
}

async function runIn(lanes: number, suites: readonly Suite[]): Promise<SuiteResult[]> {
  const waiting = [...suites]
  const done: SuiteResult[] = []
  async function lane(): Promise<void> {
    for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) {
      const result = await runSuite(suite, { checkout, results })
      done.push(result)
      if (result.problems.length > 0) console.log(`\n${result.output}\n${result.problems.join('\n')}`)
      console.log(resultLine(result))
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return done
}

function printSummary(done: readonly SuiteResult[], seconds: number): void {
  const byName = done.toSorted((a, b) => a.suite.name.localeCompare(b.suite.name))
  console.log(`\n${byName.map(resultLine).join('\n')}\n${seconds.toFixed(1)} s in all`)
  const notRun = new Set(done.flatMap((result) => result.notRun))
  if (notRun.size > 0) console.log(`\nNot run here:\n${[...notRun].map((line) => `  ${line}`).join('\n')}`)
  console.log(`\n${closingLine(done)}`)
}

async function main(): Promise<number> {
  const suites = chosenSuites(process.argv.slice(2))
  announceSeed()
  rmSync(results, { recursive: true, force: true })
  mkdirSync(results, { recursive: true })
  await bringTools()
  const start = performance.now()
  const done = await runAll(suites)
  printSummary(done, (performance.now() - start) / 1000)
  return done.every((result) => result.problems.length === 0) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.log('\n0 passed, 1 failed')
  process.exitCode = 1
}
