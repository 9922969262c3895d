/**
 * The whole life of content under random steps, against a model of what must be there, what may be, and what must not:
 * pushes, mounts, uploads in parts, deletions, collection, time, and the death of the process at any operation.
 * MODEL_STEPS is how many steps are run on each ground, MODEL_SEED chooses others. What fails is shown as the shortest
 * run that fails.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { RealWorld } from './real/world.ts'
import { runForTime, runSteps } from './runs.ts'
import { type OpenGround, onPostgres, onSqlite } from './simulated/ground.ts'
import { SimulatedWorld } from './simulated/world.ts'

setDefaultTimeout(3_600_000)

const seed = Number(process.env['MODEL_SEED'] ?? process.env['FAULT_SEED'] ?? 1)
const steps = Number(process.env['MODEL_STEPS'] ?? 2_000)
const seconds = Number(process.env['MODEL_SECONDS'] ?? 15)
console.log(`MODEL_SEED=${seed} MODEL_STEPS=${steps}`)

const simulated = (ground: OpenGround) => async () => SimulatedWorld.open(await ground())

test('on SQLite, with bytes in memory', async () => {
  expect(await runSteps({ open: simulated(onSqlite('memory')), steps, seed })).toBeGreaterThan(0)
})

test('on SQLite and a folder', async () => {
  expect(await runSteps({ open: simulated(onSqlite('filesystem')), steps, seed })).toBeGreaterThan(0)
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('and a folder', async () => {
    const server = await startPostgres()
    try {
      const ground = onPostgres(server, 'filesystem')
      expect(await runSteps({ open: simulated(ground), steps: steps / 10, seed })).toBeGreaterThan(0)
    } finally {
      await server.stop()
    }
  })
})

test('on a process of its own, which is killed', async () => {
  expect(await runForTime(() => RealWorld.open(), seconds * 1_000, seed)).toBeGreaterThan(0)
})
