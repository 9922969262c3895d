/**
 * What one process of a server can be asked, by whoever speaks for all of them: the debug server and the control
 * socket. Questions and answers are plain data, for they travel between processes.
 */
import type { Health } from '../observability/health.ts'
import type { Metric } from '../observability/metrics.ts'
import type { AppMetrics } from './metrics.ts'

export type Question = { readonly kind: 'metrics' } | { readonly kind: 'health' }

interface Answers {
  readonly metrics: readonly Metric[]
  /** What is wrong, by the names of the checks. */
  readonly health: Readonly<Record<string, string>>
}

export type AnswerTo<Asked extends Question> = Answers[Asked['kind']]

/** The processes that answer requests, to whoever speaks for all of them. */
export interface Crew {
  /** Every process's answer; one that does not answer in time, or is being replaced, is left out. */
  askAll<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>[]>
}

/** What the questions are about. */
export interface Answering {
  readonly metrics: AppMetrics
  readonly health: Health
}

export async function answer(
  { metrics, health }: Answering,
  question: Question,
): Promise<AnswerTo<Question>> {
  switch (question.kind) {
    case 'metrics':
      return await metrics.describe()
    case 'health':
      return health.problems
  }
}

/** A server of one process. */
export function crewOfOne(answering: Answering): Crew {
  return {
    async askAll<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>[]> {
      return [(await answer(answering, question)) as AnswerTo<Asked>]
    },
  }
}
