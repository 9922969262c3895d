/** `berth writer`: the process that writes to SQLite for all workers. Started by the supervisor only. */
import type { Question } from '../app/questions.ts'
import { acquireWriterLock } from '../metadata/sqlite/lock.ts'
import type { Metric } from '../observability/metrics.ts'
import { describeProcess } from '../observability/process-metrics.ts'
import type { ChildStart } from '../supervisor.ts'
import { startWriterProcess } from '../writer.ts'
import type { SupervisedWork } from './child.ts'

export async function beginWriter({ writer }: ChildStart): Promise<SupervisedWork> {
  if (writer === null) throw new Error('a writer was started without its settings')
  // Until the process ends: the writer of a supervisor that was killed may still be at its last commit.
  await acquireWriterLock(writer.databasePath)
  const running = await startWriterProcess(writer)
  const { broken } = running
  return { address: writer.socket, broken, answer: aboutItself, close: () => running.stop() }
}

/** It answers no requests, so there is nothing to tell but how it is. */
async function aboutItself(question: Question): Promise<readonly Metric[]> {
  if (question.kind !== 'metrics') throw new Error(`a writer knows nothing about ${question.kind}`)
  return await describeProcess()
}
