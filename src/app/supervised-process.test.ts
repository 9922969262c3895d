import { afterAll, afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../../test/until.ts'
import { createLog } from '../observability/log.ts'
import { ChildFailed, NoAnswer, type ProcessPlan, SupervisedProcess } from './supervised-process.ts'

/** A child that does as its settings say: works, refuses, ends by itself, or does not heed a request to stop. */
const CHILD = `
process.on('disconnect', () => process.exit(1))
process.on('message', (message) => {
  if (message.kind === 'ask') {
    const { number, question } = message
    if (question === 'die') process.exit(9)
    if (question === 'fail') return process.send({ kind: 'no-answer', number, why: 'nothing is known of that' })
    return setTimeout(() => process.send({ kind: 'answer', number, answer: { question } }), question.pause)
  }
  if (message.kind === 'stop') return globalThis.deaf || process.exit(0)
  const { address, refusal, exitCode, deaf } = message.start
  globalThis.deaf = deaf
  if (refusal) process.send({ kind: 'failed', message: refusal, exitCode })
  else if (exitCode) process.exit(exitCode)
  else process.send({ kind: 'ready', address })
})
process.send({ kind: 'hello' })
`

interface Behaviour {
  readonly address?: string
  readonly refusal?: string
  readonly exitCode?: number
  readonly deaf?: boolean
}

const folder = mkdtempSync(join(tmpdir(), 'berth-supervised-'))
const program = join(folder, 'child.mjs')
writeFileSync(program, CHILD)
afterAll(() => rmSync(folder, { recursive: true }))

const supervised: SupervisedProcess<Behaviour>[] = []
afterEach(() => {
  for (const each of supervised.splice(0)) each.kill()
})

function supervise(behaviour: Behaviour, plan: Partial<ProcessPlan<Behaviour>> = {}) {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
  const command = [process.execPath, program]
  const child = new SupervisedProcess({
    name: 'worker-1',
    command,
    start: () => behaviour,
    log,
    onGivenUp: () => {},
    ...plan,
  })
  supervised.push(child)
  return { child, lines }
}

function isAlive(pid: number | null): boolean {
  try {
    return pid !== null && process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a child gets its settings by message, and says where it can be reached', async () => {
  const { child } = supervise({ address: 'http://127.0.0.1:5000' })
  expect(await child.start()).toBe('http://127.0.0.1:5000')
})

test('a child that dies is started again, and the log says so', async () => {
  const { child, lines } = supervise({ address: 'here' })
  await child.start()
  const first = child.pid
  process.kill(first ?? 0, 'SIGKILL')
  await until('it works again', () => lines.some((line) => line.includes('works again')))
  expect(child.pid).not.toBe(first)
  expect(lines[0]).toContain('worker-1 was ended by SIGKILL; starting it again in 100 ms')
})

test('a child that cannot start says why, and nothing is left of it', async () => {
  const { child } = supervise({ refusal: 'The database cannot be reached.', exitCode: 5 })
  const starting = child.start()
  const pid = child.pid
  const error = await starting.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ChildFailed)
  expect(error).toMatchObject({ message: 'The database cannot be reached.', exitCode: 5 })
  expect(isAlive(pid)).toBe(false)
})

test('a child that ends again and again is given up', async () => {
  const { child, lines } = supervise({ exitCode: 7 })
  const error = await child.start().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ message: 'worker-1 ended with exit code 7, 6 times in a row' })
  expect(lines).toHaveLength(5)
  expect(lines[4]).toContain('starting it again in 1600 ms')
})

test('a child that worked once and then ends again and again is given up too', async () => {
  const givenUp = Promise.withResolvers<ChildFailed>()
  const { child } = supervise({ address: 'here' }, { onGivenUp: givenUp.resolve })
  await child.start()
  const killing = setInterval(() => child.pid !== null && process.kill(child.pid, 'SIGKILL'), 5)
  const error = await givenUp.promise
  clearInterval(killing)
  expect(error.message).toBe('worker-1 was ended by SIGKILL, 6 times in a row')
})

test('a child that the system cannot start just now is tried again', async () => {
  const late = join(folder, 'late')
  const { child, lines } = supervise({ address: 'here' }, { command: [late] })
  const starting = child.start()
  expect(lines[0]).toMatch(/worker-1 could not be started \(.*\); starting it again in 100 ms/)
  writeFileSync(late, `#!/bin/sh\nexec "${process.execPath}" "${program}"\n`, { mode: 0o755 })
  expect(await starting).toBe('here')
})

test('stopping asks the child, and resolves when it has ended', async () => {
  const { child } = supervise({ address: 'here' })
  await child.start()
  const pid = child.pid
  await child.stop(5000)
  expect(isAlive(pid)).toBe(false)
})

test('a child that does not heed the request is ended half a second after the grace', async () => {
  const { child } = supervise({ address: 'here', deaf: true })
  await child.start()
  const pid = child.pid
  const asked = performance.now()
  await child.stop(100)
  expect(performance.now() - asked).toBeGreaterThanOrEqual(590)
  expect(isAlive(pid)).toBe(false)
})

test('stopping does not wait for a child that has not come so far as to hear of it', async () => {
  const late = join(folder, 'late.mjs')
  writeFileSync(late, `await Bun.sleep(300)\n${CHILD}`)
  const { child } = supervise({ address: 'here' }, { command: [process.execPath, late] })
  void child.start()
  const pid = child.pid
  await child.stop(60_000)
  expect(isAlive(pid)).toBe(false)
})

test('stopping while a dead child waits to be started again starts nothing', async () => {
  const { child, lines } = supervise({ address: 'here' })
  await child.start()
  process.kill(child.pid ?? 0, 'SIGKILL')
  await until('a line is written', () => lines.length === 1)
  await child.stop(5000)
  expect(child.pid).toBeNull()
})

test('what a child is asked is answered, each question by its own answer', async () => {
  const { child } = supervise({ address: 'here' })
  await child.start()
  const answers = [20, 1].map((pause) => child.ask({ pause }))
  expect(await Promise.all(answers)).toEqual([{ question: { pause: 20 } }, { question: { pause: 1 } }])
})

test.each([
  ['fail', 'nothing is known of that'],
  ['die', 'worker-1 has just ended'],
])('a child that cannot answer is not waited for: %s', async (question, sentence) => {
  const { child } = supervise({ address: 'here' })
  await child.start()
  const error = await child.ask(question).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(NoAnswer)
  expect(error).toMatchObject({ message: sentence })
})
