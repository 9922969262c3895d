import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closingLine, judge, type Outcome, runSuite } from './suite-run.ts'
import { findSuites } from './suites.ts'

const checkout = mkdtempSync(join(tmpdir(), 'suites-'))
afterAll(() => rmSync(checkout, { recursive: true, force: true }))

/** Runs one made-up test file as a suite of its own. */
async function run(name: string, source: string, seconds = 20) {
  const results = join(checkout, 'results')
  mkdirSync(results, { recursive: true })
  await Bun.write(
    join(checkout, 'test', `${name}.test.ts`),
    `import { expect, test } from 'bun:test'\n${source}`,
  )
  return runSuite({ name, path: `./test/${name}.test.ts`, seconds }, { checkout, results })
}

/** A suite that needs a tool, on a machine that does not have it. */
function needsCrane(ci: string): string {
  const module = JSON.stringify(join(import.meta.dir, 'describe-with.ts'))
  return `
    process.env.CI = '${ci}'
    process.env.XDG_CACHE_HOME = '/nowhere'
    const { describeWith } = await import(${module})
    describeWith('crane tests', ['crane'], () => test('a', () => {}))
  `
}

describe('a suite that is run', () => {
  test('passes with the counts of its tests', async () => {
    const result = await run('passing', `test('a', () => {}); test('b', () => {}); test.skip('c', () => {})`)
    expect(result).toMatchObject({ passed: 2, failed: 0, skipped: 1, problems: [] })
  })

  test('fails with a failing test, and its whole output is kept', async () => {
    const result = await run('failing', `test('a', () => {}); test('b', () => expect('this').toBe('that'))`)
    expect(result).toMatchObject({ passed: 1, failed: 1 })
    expect(result.output).toContain('Received: "this"')
  })

  test('fails when a file does not load', async () => {
    expect(await run('broken', `test('a', () => {}); throw new Error('broken')`)).toMatchObject({ failed: 1 })
  })

  test('fails when its process dies before it has reported', async () => {
    const result = await run('dying', `test('a', () => process.kill(process.pid, 'SIGKILL'))`)
    expect(result).toMatchObject({ passed: 0, failed: 1 })
  })

  test('fails when it has no test', async () => {
    expect((await run('empty', '')).problems).toEqual(['no test ran'])
  })

  test('does not fail when its only tests need a tool that is not here, and says so', async () => {
    const result = await run('without', needsCrane(''))
    expect(result).toMatchObject({ passed: 0, failed: 0, problems: [] })
    expect(result.notRun).toEqual([
      expect.stringMatching(/^crane tests: needs crane; go install .*@v[0-9.]+$/),
    ])
  })

  test('fails when a tool is not here that must be, as with CI=true', async () => {
    const result = await run('without-in-ci', needsCrane('true'))
    expect(result.failed).toBe(1)
    expect(result.output).toContain('With CI=true every tool must be there. crane tests: needs crane')
  })

  test('is ended and fails when it takes three times its budget', async () => {
    const result = await run(
      'slow',
      `test('a', () => new Promise(() => {}), 60000); setInterval(() => {}, 1000)`,
      0.5,
    )
    expect(result.failed).toBe(1)
    expect(result.problems.join()).toContain('its budget is 0.5 s')
  })

  test('fails when it leaves a process behind, which is ended', async () => {
    const result = await run(
      'leaving',
      `test('a', () => { Bun.spawn(['sleep', '61.25'], { detached: true }).unref() })`,
    )
    expect(result.problems).toEqual(['left processes behind: sleep 61.25'])
  })
})

describe('the closing line', () => {
  const outcome: Outcome = {
    suite: { name: 'any', path: './any', seconds: 10 },
    exitCode: 0,
    seconds: 1,
    left: [],
    output: '',
    notRun: '',
    junit: '<testsuites name="bun test" tests="5" failures="0" skipped="0" time="1">',
  }

  test('adds the suites up', () => {
    const results = [judge(outcome), judge(outcome)]
    expect(closingLine(results)).toBe('10 passed, 0 failed')
  })

  test('counts a suite that failed without a failing test as one failure', () => {
    expect(closingLine([judge(outcome), judge({ ...outcome, exitCode: 134 })])).toBe('10 passed, 1 failed')
  })

  test('names skipped tests only where there are some', () => {
    const skipping = { ...outcome, junit: outcome.junit.replace('skipped="0"', 'skipped="2"') }
    expect(closingLine([judge(skipping)])).toBe('3 passed, 0 failed, 2 skipped')
  })
})

describe('the list of suites', () => {
  test('has the tests beside the code as one, and each file and folder of test as one', async () => {
    const folder = join(checkout, 'listed')
    for (const name of [
      'src/a/b.test.ts',
      'test/alone.test.ts',
      'test/many/one.test.ts',
      'test/none/support.ts',
    ]) {
      await Bun.write(join(folder, name), '')
    }
    const suites = findSuites(folder, { unit: 1, alone: 2, many: 3 })
    expect(suites.map(({ name, path }) => [name, path]).sort()).toEqual([
      ['alone', './test/alone.test.ts'],
      ['many', './test/many/'],
      ['unit', './src/'],
    ])
    expect(() => findSuites(folder, { unit: 1, alone: 2 })).toThrow(
      'budget.json has no line for the suite "many"',
    )
  })
})
