/**
 * Runs one suite with `bun test` in a process of its own, and tells what came of it. Counts are taken from
 * the JUnit report, and held against the exit code and bun's own closing lines: a file that fails to load
 * appears in the latter only. Processes that a suite leaves behind are found by a mark in their environment,
 * ended, and reported.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NOT_RUN_VARIABLE } from './describe-with.ts'
import { endMarkedProcesses, MARK_VARIABLE } from './marked-processes.ts'
import type { Suite } from './suites.ts'

const PATIENCE = 3
const TEST_TIMEOUT = 60_000

export interface SuiteResult {
  readonly suite: Suite
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  /** Why the suite has failed; empty when it has passed. */
  readonly problems: readonly string[]
  /** What could not run on this machine, one line each. */
  readonly notRun: readonly string[]
  /** Everything that it printed. */
  readonly output: string
}

interface SuiteCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface RunOptions {
  readonly checkout: string
  /** Folder for logs and reports. */
  readonly results: string
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function attribute(element: string, name: string): number {
  return Number(new RegExp(`\\b${name}="(\\d+)"`).exec(element)?.[1] ?? 0)
}

/** The counts of a JUnit report; zeros where there is none. */
function countsOf(junit: string): SuiteCounts {
  const totals = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? ''
  const [tests, failed, skipped] = [
    attribute(totals, 'tests'),
    attribute(totals, 'failures'),
    attribute(totals, 'skipped'),
  ]
  return { passed: tests - failed - skipped, failed, skipped }
}

/** The number in bun's closing lines, such as ` 3 fail`; 0 where there is none. */
function closingCount(output: string, word: 'fail' | 'error'): number {
  const lines = [...output.matchAll(new RegExp(`^ (\\d+) ${word}s?$`, 'gm'))]
  return Number(lines.at(-1)?.[1] ?? 0)
}

/** Runs the suite to its end, or to the end of its patience. */
export async function runSuite(suite: Suite, options: RunOptions): Promise<SuiteResult> {
  const mark = crypto.randomUUID()
  const log = join(options.results, `${suite.name}.log`)
  const junit = join(options.results, `${suite.name}.xml`)
  const notRun = join(options.results, `${suite.name}.not-run`)
  const output = openSync(log, 'w')
  const start = performance.now()
  const report = ['--reporter=junit', `--reporter-outfile=${junit}`, `--timeout=${TEST_TIMEOUT}`]
  const child = Bun.spawn([process.execPath, 'test', suite.path, ...report], {
    cwd: options.checkout,
    env: { ...process.env, [MARK_VARIABLE]: mark, [NOT_RUN_VARIABLE]: notRun },
    stdin: 'ignore',
    stdout: output,
    stderr: output,
    timeout: suite.seconds * PATIENCE * 1000,
    killSignal: 'SIGKILL',
  })
  const exitCode = await child.exited
  closeSync(output)
  const seconds = (performance.now() - start) / 1000
  const left = await endMarkedProcesses(mark)
  return judge({
    suite,
    exitCode,
    seconds,
    left,
    output: readOrEmpty(log),
    junit: readOrEmpty(junit),
    notRun: readOrEmpty(notRun),
  })
}

export interface Outcome {
  readonly suite: Suite
  readonly exitCode: number
  readonly seconds: number
  /** Command lines of processes that were left behind. */
  readonly left: readonly string[]
  readonly output: string
  readonly junit: string
  /** Lines about tests that could not run. */
  readonly notRun: string
}

/** What came of a run: its counts, and every reason to call it failed. */
export function judge(outcome: Outcome): SuiteResult {
  const { suite, exitCode, seconds, left, output } = outcome
  const counts = countsOf(outcome.junit)
  const reported = Math.max(counts.failed, closingCount(output, 'fail'))
  const problems: string[] = []
  if (reported > 0) problems.push(`${reported} failed`)
  if (reported === 0 && exitCode !== 0) problems.push(`bun test ended with ${exitCode}`)
  if (seconds >= suite.seconds * PATIENCE) {
    problems.push(
      `took ${seconds.toFixed(0)} s; its budget is ${suite.seconds} s, and ${PATIENCE} times that is too long`,
    )
  }
  if (left.length > 0) problems.push(`left processes behind: ${left.join('; ')}`)
  const notRun = outcome.notRun.split('\n').filter((line) => line !== '')
  const ranNothing = counts.passed + reported === 0
  if (ranNothing && exitCode === 0 && notRun.length === 0) problems.push('no test ran')
  const failed = problems.length > 0 ? Math.max(reported, 1) : 0
  return { suite, passed: counts.passed, failed, skipped: counts.skipped, seconds, problems, notRun, output }
}

/** One line of the table. */
export function resultLine({ suite, passed, failed, skipped, seconds, problems }: SuiteResult): string {
  const counts = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
  const sign = problems.length === 0 ? 'ok  ' : 'FAIL'
  return `${sign} ${suite.name.padEnd(16)} ${counts.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s of ${suite.seconds} s`
}

/** `N passed, N failed` of all suites together, with `, N skipped` where there are any. */
export function closingLine(results: readonly SuiteResult[]): string {
  const sum = (pick: (result: SuiteResult) => number) =>
    results.reduce((total, each) => total + pick(each), 0)
  const skipped = sum((each) => each.skipped)
  const end = skipped > 0 ? `, ${skipped} skipped` : ''
  return `${sum((each) => each.passed)} passed, ${sum((each) => each.failed)} failed${end}`
}
