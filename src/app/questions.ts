/**
 * What one process of a server can be asked, by whoever speaks for all of them: the debug server and the control
 * socket. Questions and answers are plain data, for they travel between processes.
 */
import type { JobRunner } from '../jobs/runner.ts'
import type { Health } from '../observability/health.ts'
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import type { ManagementApi } from '../protocols/management/api.ts'
import type { OwnerAnswer, OwnerRequest } from '../protocols/management/exchange.ts'
import type { Obstacles } from '../registry/obstacles.ts'
import type { Registry } from '../registry/registry.ts'
import { findTreeState } from '../registry/tree/tree-pass.ts'
import { describeJobs } from './jobs.ts'
import type { AppMetrics } from './metrics.ts'
import { describeObstacles } from './obstacles.ts'
import { type Reloadable, type ReloadRequest, reloadAll } from './reload.ts'
import { describeUsage } from './usage.ts'

export type Question =
  | { readonly kind: 'metrics' }
  | { readonly kind: 'health' }
  | ({ readonly kind: 'reload' } & ReloadRequest)
  /** Whatever the owner asks that needs the registry. */
  | { readonly kind: 'owner'; readonly request: OwnerRequest }

interface Answers {
  readonly owner: OwnerAnswer
  readonly metrics: readonly Metric[]
  /** What is wrong, by the names of the checks. */
  readonly health: Readonly<Record<string, string>>
  /** The names of what could not be read again. */
  readonly reload: readonly string[]
}

export type AnswerTo<Asked extends Question> = Answers[Asked['kind']]

/** The processes that answer requests, to whoever speaks for all of them. */
export interface Crew {
  /** Every process's answer; one that does not answer in time, or is being replaced, is left out. */
  askAll<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>[]>
  /** The answer of any of them. Throws NoAnswer where none answers. */
  askOne<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>>
}

/** What the questions are about. */
export interface Answering {
  readonly metrics: AppMetrics
  readonly health: Health
  readonly obstacles: Obstacles
  readonly registry: Registry
  /** Null where this process does no jobs. */
  readonly runner: JobRunner | null
  readonly manage: ManagementApi
  readonly reloadables: readonly Reloadable[]
  readonly log: Log
}

export async function answer(
  { metrics, health, obstacles, registry, runner, manage, reloadables, log }: Answering,
  question: Question,
): Promise<AnswerTo<Question>> {
  switch (question.kind) {
    case 'metrics':
      return [
        ...(await metrics.describe()),
        ...(await describeTree(registry)),
        describeObstacles(obstacles),
        ...(await describeJobs(runner, registry.database)),
        ...(runner === null ? [] : await describeUsage(registry.database)),
      ]
    case 'health':
      return { ...health.problems, ...obstacles.problems }
    case 'owner':
      return await manage(question.request)
    case 'reload':
      return await reloadAll(reloadables, question, log)
  }
}

/** Nothing where content is in memory: nobody else can have changed it. */
async function describeTree({ database, tree }: Registry): Promise<Metric[]> {
  if (tree === null) return []
  const isKnown = (await findTreeState(database, tree.start)) === 'known'
  const help = 'Whether all that another registry may have left in the folder is known.'
  return [gauge('berth_tree_known', help, [{ labels: {}, value: isKnown ? 1 : 0 }], 'max')]
}

/** A server of one process. */
export function crewOfOne(answering: Answering): Crew {
  return {
    async askOne<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>> {
      return (await answer(answering, question)) as AnswerTo<Asked>
    },
    async askAll<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>[]> {
      return [(await answer(answering, question)) as AnswerTo<Asked>]
    },
  }
}
