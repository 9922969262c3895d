/**
 * Lets a test file say which outside programs it needs. Where one is missing its tests are left out and
 * noted for the run's closing list; with CI=true that is an error.
 */
import { describe } from 'bun:test'
import { appendFileSync } from 'node:fs'
import type { ToolName } from './catalog.ts'
import { findTool, obstacleOf } from './find-tool.ts'

/** Names the file to which tests that could not run append their line; `npm test` sets it. */
export const NOT_RUN_VARIABLE = 'BERTH_TEST_NOT_RUN'

function noteNotRun(subject: string, obstacles: readonly string[]): void {
  const line = `${subject}: ${obstacles.join('; ')}`
  if (process.env['CI'] === 'true') throw new Error(`With CI=true every tool must be there. ${line}`)
  const file = process.env[NOT_RUN_VARIABLE]
  if (file === undefined) console.error(`not run: ${line}`)
  else appendFileSync(file, `${line}\n`)
}

/**
 * Describes tests that need outside programs, whose paths the suite is given.
 * Where one is missing nothing is described, and the run's closing list says so.
 */
export function describeWith<const Name extends ToolName>(
  subject: string,
  names: readonly Name[],
  suite: (tools: Record<Name, string>) => void,
): void {
  const obstacles = names.map(obstacleOf).filter((obstacle) => obstacle !== null)
  describeUnless(subject, obstacles, () => {
    suite(Object.fromEntries(names.map((name) => [name, findTool(name)])) as Record<Name, string>)
  })
}

/**
 * Describes tests that something other than a missing program may stand in the way of; each obstacle is half a
 * sentence, such as `needs root`. With any, nothing is described, and the run's closing list says so.
 */
export function describeUnless(subject: string, obstacles: readonly string[], suite: () => void): void {
  if (obstacles.length > 0) noteNotRun(subject, obstacles)
  else describe(subject, suite)
}
