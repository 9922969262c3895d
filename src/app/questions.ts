/**
 * What one process of a server can be asked, by whoever speaks for all of them: the debug server and the control
 * socket. Questions and answers are plain data, for they travel between processes.
 */
import type { Health } from '../observability/health.ts'
import type { Log } from '../observability/log.ts'
import type { Metric } from '../observability/metrics.ts'
import type { ManagementApi } from '../protocols/management/api.ts'
import type { OwnerAnswer, OwnerRequest } from '../protocols/management/exchange.ts'
import type { Obstacles } from '../registry/obstacles.ts'
import type { AppMetrics } from './metrics.ts'
import { type Reloadable, type ReloadRequest, reloadAll } from './reload.ts'

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
  readonly manage: ManagementApi
  readonly reloadables: readonly Reloadable[]
  readonly log: Log
}

export async function answer(
  { metrics, health, obstacles, manage, reloadables, log }: Answering,
  question: Question,
): Promise<AnswerTo<Question>> {
  switch (question.kind) {
    case 'metrics':
      return await metrics.describe()
    case 'health':
      return { ...health.problems, ...obstacles.problems }
    case 'owner':
      return await manage(question.request)
    case 'reload':
      return await reloadAll(reloadables, question, log)
  }
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
