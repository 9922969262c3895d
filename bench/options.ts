/** The command line of the benchmark. */
import { tmpdir } from 'node:os'
import { Command } from 'commander'
import { type Contestant, loadContestant, loadContestants } from './contestant.ts'
import type { Metric, Scale } from './metric.ts'
import { METRICS } from './metrics.ts'
import { FULL_SCALE, QUICK_SCALE } from './scale.ts'

export interface BenchOptions {
  readonly metrics: readonly Metric[]
  readonly contestants: readonly Contestant[]
  readonly scale: Scale
  /** An existing folder on the disk that is to be measured. */
  readonly folder: string
  /** Whether RESULTS.md is to be replaced. */
  readonly isKept: boolean
}

interface Flags {
  readonly only?: readonly string[]
  readonly contestants?: readonly string[]
  readonly rounds?: number
  readonly quick?: true
  readonly folder: string
  readonly write?: true
}

/** Throws a sentence when the arguments make no sense. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const flags = program()
    .parse([...args], { from: 'user' })
    .opts<Flags>()
  const scale = flags.quick === true ? QUICK_SCALE : FULL_SCALE
  const isPartial = [flags.quick, flags.only, flags.contestants, flags.rounds].some(
    (flag) => flag !== undefined,
  )
  if (flags.write === true && isPartial) {
    throw new Error('RESULTS.md holds a full run: leave --quick, --only, --contestants and --rounds out.')
  }
  return {
    metrics: chooseMetrics(flags.only),
    contestants: chooseContestants(flags.contestants),
    scale: { ...scale, rounds: flags.rounds ?? scale.rounds },
    folder: flags.folder,
    isKept: flags.write === true,
  }
}

function program(): Command {
  return new Command('npm run bench --')
    .description('Measures Berth beside other registries, and prints the figures as Markdown.')
    .option('--only <metrics>', `some of: ${METRICS.map(({ name }) => name).join(',')}`, listOf)
    .option(
      '--contestants <names>',
      'files in bench/contestants without .yaml, or paths of such files',
      listOf,
    )
    .option('--rounds <number>', 'how often everything is measured', roundsOf)
    .option('--quick', 'small sizes: shows that figures come out, not what they are')
    .option('--folder <folder>', 'where the data is kept meanwhile: the disk that is measured', tmpdir())
    .option('--write', 'replaces bench/RESULTS.md with the results of this run')
}

function listOf(text: string): string[] {
  return text.split(',').map((word) => word.trim())
}

function roundsOf(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--rounds ${text}: write a number from 1 to 999.`)
  return Number(text)
}

function chooseMetrics(names: readonly string[] | undefined): readonly Metric[] {
  const unknown = names?.find((name) => METRICS.every((metric) => metric.name !== name))
  if (unknown !== undefined) {
    throw new Error(
      `No metric is called ${unknown}. There are: ${METRICS.map(({ name }) => name).join(', ')}`,
    )
  }
  return METRICS.filter(({ name }) => names?.includes(name) ?? true)
}

function chooseContestants(names: readonly string[] | undefined): readonly Contestant[] {
  const all = loadContestants()
  return names === undefined ? all : names.map((name) => findContestant(name, all))
}

function findContestant(name: string, all: readonly Contestant[]): Contestant {
  if (name.includes('/')) return loadContestant(name)
  const found = all.find((contestant) => contestant.name === name)
  if (found !== undefined) return found
  throw new Error(`No contestant is called ${name}. There are: ${all.map((each) => each.name).join(', ')}`)
}
