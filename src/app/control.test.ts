import { afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../observability/log.ts'
import { controlSocketPath } from '../storage/layout.ts'
import { openControlSocket } from './control.ts'
import type { Crew } from './questions.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'berth-control-'))
  folders.push(root)
  mkdirSync(join(root, 'berth'))
  return root
}

/** A server without processes: it answers for itself. */
async function open(root: string, name: string, closers: AsyncDisposableStack): Promise<string[]> {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => lines.push(line) })
  const crew: Crew = {
    askAll: () => Promise.resolve([]),
    askOne: () => Promise.reject(new Error('nobody')),
  }
  await openControlSocket({ root, crew, status: () => ({ name }), log }, closers)
  return lines
}

async function whoAnswers(root: string): Promise<unknown> {
  const unix = join(root, controlSocketPath)
  return await (await fetch('http://localhost/api/v1/status', { unix })).json()
}

describe('of two servers on one folder', () => {
  test('the first answers, and the other says so and goes on', async () => {
    const root = newRoot()
    await using closers = new AsyncDisposableStack()
    await open(root, 'first', closers)
    expect((await open(root, 'second', closers)).join('')).toContain(
      'another server on this data folder answers',
    )
    expect(await whoAnswers(root)).toEqual({ name: 'first', problems: {} })
  })

  test('a later one answers when the first has ended', async () => {
    const root = newRoot()
    await using closers = new AsyncDisposableStack()
    {
      await using first = new AsyncDisposableStack()
      await open(root, 'first', first)
    }
    await open(root, 'third', closers)
    expect(await whoAnswers(root)).toEqual({ name: 'third', problems: {} })
  })
})

test('a server that can have no socket goes on without it, and says so', async () => {
  const root = newRoot()
  rmSync(join(root, 'berth'), { recursive: true })
  writeFileSync(join(root, 'berth'), 'a file in its place')
  await using closers = new AsyncDisposableStack()
  expect((await open(root, 'only', closers)).join('')).toContain('there is no control socket')
})

test('what could not be answered is told with a sentence, and with its reason in the log', async () => {
  const root = newRoot()
  await using closers = new AsyncDisposableStack()
  const lines = await open(root, 'only', closers)
  const unix = join(root, controlSocketPath)
  const answer = await fetch('http://localhost/api/v1/garbage-collection', { unix, method: 'POST' })
  expect([answer.status, await answer.json()]).toEqual([
    500,
    { error: 'This could not be done; the log of this registry says why.' },
  ])
  expect(lines.join('')).toContain('error=nobody')
})
