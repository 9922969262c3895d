/** The benchmark gives every figure that its contestants can give, and its arithmetic and its files are right. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseAnswer } from '../bench/connection.ts'
import {
  type Contestant,
  loadContestants,
  obstacleFor,
  parseContestant,
  parseVersion,
} from '../bench/contestant.ts'
import { METRIC_NAMES } from '../bench/metric-names.ts'
import { METRICS } from '../bench/metrics.ts'
import { parseOptions } from '../bench/options.ts'
import { parseStat } from '../bench/process-group.ts'
import { formatNumber, formatTable } from '../bench/report.ts'
import { QUICK_SCALE } from '../bench/scale.ts'
import { percentile, ratiosOf, summarize } from '../bench/statistics.ts'
import { judge, OURS, TARGETS } from '../bench/targets.ts'
import { parseWrk } from '../bench/wrk.ts'
import { type CommandResult, tryCommand } from './tools/command.ts'
import { describeUnless, describeWith } from './tools/describe-with.ts'

const checkout = join(import.meta.dir, '..')

setDefaultTimeout(120_000)

/** The cells of the row that begins with this. */
function cellsOf(report: string, title: string): string[] {
  const line = report.split('\n').find((each) => each.startsWith(`| ${title} |`))
  return (
    line
      ?.split('|')
      .slice(2, -1)
      .map((cell) => cell.trim()) ?? []
  )
}

function canGive(contestant: Contestant, metric: (typeof METRICS)[number], figure: string): boolean {
  if (contestant.kind === 'programs') return metric.preparePrograms !== undefined
  return contestant.measures.includes(metric.name) && !contestant.omits.includes(`${metric.name}.${figure}`)
}

describeWith('a quick run', ['wrk', 'curl'], () => {
  const here = loadContestants().filter((contestant) => obstacleFor(contestant) === null)
  let folder: string
  let run: CommandResult

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
    const args = ['bench/run.ts', '--quick', '--folder', folder]
    run = await tryCommand(process.execPath, args, { cwd: checkout })
  })

  test('ends well, judges the targets, and leaves nothing behind', () => {
    expect(run).toMatchObject({ exitCode: 0 })
    expect(here.map(({ name }) => name)).toContain(OURS)
    expect(run.stdout).toContain('## Targets')
    expect(readdirSync(folder)).toEqual([])
    rmdirSync(folder)
  })

  for (const contestant of loadContestants()) {
    const obstacle = obstacleFor(contestant)
    const obstacles = obstacle === null ? [] : [obstacle]
    describeUnless(`the column of ${contestant.title} in a quick run`, obstacles, () => {
      test('has every figure that it can give, and no other', () => {
        const column = here.findIndex(({ name }) => name === contestant.name)
        for (const metric of METRICS) {
          for (const figure of metric.figures) {
            const cells = cellsOf(run.stdout, `${metric.title(QUICK_SCALE)}: ${figure.title}`)
            const isGiven = /^\d/.test(cells[column] ?? 'there is no such cell')
            const expected = canGive(contestant, metric, figure.name)
            expect([metric.name, figure.name, isGiven]).toEqual([metric.name, figure.name, expected])
          }
        }
      })
    })
  }
})

describe('the files of the contestants', () => {
  test('are all understood, and name metrics and figures that exist', () => {
    const figures = METRICS.flatMap(({ name, figures }) => figures.map((figure) => `${name}.${figure.name}`))
    for (const contestant of loadContestants()) {
      if (contestant.kind === 'server') expect(figures).toEqual(expect.arrayContaining(contestant.omits))
    }
  })

  test('with a mistake are refused with the name of what is wrong', () => {
    expect(() => parseContestant('other', 'title: Other\ncommand: [other]\nprot: 5000')).toThrow(
      /other\.yaml.*\n?.*prot/,
    )
    const unknown = 'title: a\nnote: b\nversion: [a]\ncommand: [a]\nready: /\nmeasures: [speed]'
    expect(() => parseContestant('other', unknown)).toThrow('measures')
  })

  test.each([
    [
      '/cache/registry@v3.1.2/registry github.com/distribution/distribution/v3 v3.1.3+unknown',
      '3.1.3+unknown',
    ],
    ['nginx version: nginx/1.22.1', '1.22.1'],
    ['berth 0.1.0\nbun 1.4.5', '0.1.0'],
    ['nothing', 'of unknown version'],
  ])('have programs that say their version, as in %j', (output, version) => {
    expect(parseVersion(output)).toBe(version)
  })
})

test('every metric of the list is measured, in its order', () => {
  expect(METRICS.map(({ name }) => name)).toEqual([...METRIC_NAMES])
})

describe('statistics', () => {
  test('a median is the middle one, or between the two in the middle', () => {
    expect(summarize([9, 1, 3])).toEqual({ median: 3, least: 1, most: 9 })
    expect(summarize([4, 1, 2, 100]).median).toBe(3)
    expect(() => summarize([])).toThrow()
  })

  test('ratios are taken round by round', () => expect(ratiosOf([10, 40], [2, 4])).toEqual([5, 10]))
})

describe('targets', () => {
  const measured = (ours: number[], theirs: number[]) =>
    new Map([
      [
        'push.cpu',
        new Map([
          [OURS, ours],
          ['other', theirs],
        ]),
      ],
    ])

  test.each([
    [{ atMost: 0.7 }, true, 0.5 / 0.7],
    [{ atMost: 0.3 }, false, 0.5 / 0.3],
    [{ atLeast: 0.4 }, true, 0.5 / 0.4],
    [{ atLeast: 0.6 }, false, 0.5 / 0.6],
  ])('%j of another contestant, reached: %p', (bound, isReached, share) => {
    const judgement = judge({ figure: 'push.cpu', against: 'other', ...bound }, measured([1, 1], [2, 2]))
    expect(judgement).toMatchObject({ isReached, measured: { median: 0.5 } })
    expect(Math.abs(judgement?.margin ?? 0)).toBeCloseTo(Math.abs(share - 1))
  })

  test('without another contestant are about the figure itself', () => {
    expect(judge({ figure: 'push.cpu', atMost: 2 }, measured([3, 3, 1], []))).toMatchObject({
      isReached: false,
    })
  })

  test('are not judged where nothing was measured', () => {
    expect(judge({ figure: 'pull.cpu', atMost: 2 }, measured([1], [1]))).toBeNull()
    expect(judge({ figure: 'push.cpu', against: 'other', atMost: 2 }, measured([1], [0]))).toBeNull()
  })

  test('name figures and contestants that exist', () => {
    const figures = METRICS.flatMap(({ name, figures }) => figures.map((figure) => `${name}.${figure.name}`))
    const names = loadContestants().map(({ name }) => name)
    for (const { figure, against = OURS } of TARGETS) {
      expect(figures).toContain(figure)
      expect(names).toContain(against)
    }
  })
})

describe('the report', () => {
  test.each([
    [24_123.4, '24 100'],
    [1234, '1 230'],
    [0.12345, '0.123'],
    [5, '5'],
    [Number.NaN, '–'],
  ])('writes %p as %s', (value, text) => expect(formatNumber(value)).toBe(text))

  test('is Markdown', () => {
    expect(formatTable(['', 'a'], [['b', '1']])).toBe('|  | a |\n| --- | ---: |\n| b | 1 |')
  })
})

describe('what is read from outside', () => {
  test('CPU time of a process holds that of its ended children, whatever the process is called', () => {
    const stat = '42 (a (b) c d) S 1 40 40 0 -1 4194304 100 0 0 0 150 50 20 5 20 0 1 0 100 0 0'
    expect(parseStat(stat)).toEqual({ pid: 42, group: 40, isZombie: false, cpuSeconds: 2.25 })
  })

  test('answers come whole, by length, in chunks, or without a body', () => {
    const parse = (text: string, hasBody = true) => parseAnswer(Buffer.from(text), hasBody)
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'
    expect(parse(`${head}ab`)).toBeNull()
    expect(parse(`${head}abc`)).toMatchObject({ status: 200, body: Buffer.from('abc') })
    expect(parse(head, false)).toMatchObject({ status: 200, body: Buffer.alloc(0) })
    const chunked = 'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n'
    expect(parse(chunked)).toBeNull()
    expect(parse(`${chunked}0\r\n\r\n`)).toMatchObject({ status: 202, body: Buffer.from('abc') })
  })

  test('a load with errors among its answers gives no figure', () => {
    const output = '  1000 requests in 1.00s, 1MB read\n'
    expect(parseWrk(output)).toEqual({ requests: 1000 })
    expect(() => parseWrk(`${output}  Non-2xx or 3xx responses: 1\n`)).toThrow()
    expect(() => parseWrk('  Socket errors: connect 32')).toThrow()
  })
})

test('of a hundred values one is above the 99th percentile', () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at)
  expect(percentile(values, 0.99)).toBe(99)
  expect(percentile(values, 0.5)).toBe(50)
  expect(percentile([7], 0.99)).toBe(7)
})

describe('the command line', () => {
  test('chooses metrics and contestants', () => {
    const options = parseOptions(['--only', 'push,manifest', '--contestants', 'nginx,berth', '--rounds', '2'])
    expect(options.metrics.map(({ name }) => name)).toEqual(['manifest', 'push'])
    expect(options.contestants.map(({ name }) => name)).toEqual(['nginx', 'berth'])
    expect(options.scale.rounds).toBe(2)
  })

  test('takes a contestant from a file that lies elsewhere, beside those that are known', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
    const file = join(folder, 'other.yaml')
    writeFileSync(file, 'title: Other\nnote: none\nversion: [other]\npush: [[other]]')
    try {
      const { contestants } = parseOptions(['--contestants', `./${relative('.', file)},berth`])
      expect(contestants.map(({ name, title }) => [name, title])).toEqual([
        ['other', 'Other'],
        ['berth', 'Berth'],
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
    expect(() => parseOptions(['--contestants', './nowhere.yaml'])).toThrow('nowhere.yaml')
  })

  test.each([
    [['--only', 'speed'], 'No metric is called speed'],
    [['--contestants', 'other'], 'No contestant is called other'],
    [['--rounds', '0'], 'write a number'],
    [['--write', '--quick'], 'RESULTS.md holds a full run'],
  ])('refuses %j', (args, message) => expect(() => parseOptions(args)).toThrow(message))
})
