/**
 * `npm run bench`: measures Berth beside other registries on this machine, and prints the report. What is not
 * installed here is left out and named. See README.md for the options and for how to add a contestant.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { howToGet, type ToolName } from '../test/tools/catalog.ts'
import { findTool } from '../test/tools/find-tool.ts'
import { obstacleFor, versionOf } from './contestant.ts'
import { describeMachine, freeBytes } from './machine.ts'
import { measureAll } from './measure.ts'
import type { Metric } from './metric.ts'
import { type BenchOptions, parseOptions } from './options.ts'
import { formatReport, type Report } from './report.ts'
import { sizeOf } from './size.ts'

const RESULTS = join(import.meta.dir, 'RESULTS.md')
const MILLISECONDS_PER_MINUTE = 60_000

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  const folder = mkdtempSync(join(realpathSync(options.folder), 'berth-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  requireSpace(folder, options)
  const report = await runBench(options, folder)
  const text = formatReport(report)
  process.stdout.write(text)
  if (report.failures.length > 0) process.exit(1)
  if (!options.isKept) return
  if (report.absent.length > 0)
    throw new Error(`This is no full run, so it is not kept: ${report.absent.join('; ')}.`)
  await Bun.write(RESULTS, text)
}

async function runBench(options: BenchOptions, folder: string): Promise<Report> {
  const { scale } = options
  const metrics = options.metrics.filter((metric) => missingFor(metric).length === 0)
  const machine = describeMachine(folder)
  const began = performance.now()
  const here = options.contestants.filter((contestant) => obstacleFor(contestant) === null)
  const participants = here.map((contestant) => ({ contestant, version: versionOf(contestant) }))
  const onProgress = (line: string) => console.error(line)
  const { measurements, failures } = await measureAll({
    metrics,
    contestants: here,
    scale,
    folder,
    onProgress,
  })
  const minutes = (performance.now() - began) / MILLISECONDS_PER_MINUTE
  const absent = absentOf(options)
  return {
    date: new Date(),
    machine,
    participants,
    absent,
    metrics,
    scale,
    measurements,
    failures,
    minutes,
  }
}

/** The programs that a metric needs and this machine does not have. */
function missingFor(metric: Metric): ToolName[] {
  return metric.needs.filter((tool) => findTool(tool) === null)
}

function absentOf({ contestants, metrics }: BenchOptions): string[] {
  const withoutContestant = contestants.flatMap((contestant) => {
    const obstacle = obstacleFor(contestant)
    return obstacle === null ? [] : [`${contestant.title}, which ${obstacle}`]
  })
  const withoutTool = metrics.flatMap((metric) =>
    missingFor(metric).map((tool) => `the metric ${metric.name}, which needs ${tool} (${howToGet(tool)})`),
  )
  return [...withoutContestant, ...withoutTool]
}

/** Each contestant keeps one large blob at a time, and there is one to push and one that makes room. */
function requireSpace(folder: string, { contestants, scale }: BenchOptions): void {
  const needed = scale.blobBytes * (contestants.length + 2)
  if (freeBytes(folder) < needed) {
    throw new Error(`The run needs ${sizeOf(needed)} of free disk there. Name another place with --folder.`)
  }
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
