/**
 * What one process of a server can be asked, by whoever speaks for all of them: the debug server and the control
 * socket. Questions and answers are plain data, for they travel between processes.
 */
import type { Health } from '../observability/health.ts'
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import {
  findGarbage,
  type GarbageCursor,
  type GarbagePage,
  type GarbagePlace,
  GarbageUnknown,
} from '../registry/gc/garbage.ts'
import type { Registry } from '../registry/registry.ts'
import { findTreeState } from '../registry/tree/tree-pass.ts'
import type { AppMetrics } from './metrics.ts'
import { type Reloadable, type ReloadRequest, reloadAll } from './reload.ts'

export type Question =
  | { readonly kind: 'metrics' }
  | { readonly kind: 'health' }
  | ({ readonly kind: 'reload' } & ReloadRequest)
  | { readonly kind: 'garbage'; readonly deleteUntagged: boolean; readonly cursor: GarbageCursor }

/** What is garbage cannot be told now; the sentence says why. */
export interface NoGarbagePage {
  readonly unknown: string
}

interface Answers {
  readonly garbage: GarbagePage | NoGarbagePage
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
  /** The answer of any of them. Throws where none answers. */
  askOne<Asked extends Question>(question: Asked): Promise<AnswerTo<Asked>>
}

/** What the questions are about. */
export interface Answering {
  readonly metrics: AppMetrics
  readonly health: Health
  readonly registry: Registry
  readonly reloadables: readonly Reloadable[]
  readonly log: Log
}

export async function answer(
  { metrics, health, registry, reloadables, log }: Answering,
  question: Question,
): Promise<AnswerTo<Question>> {
  const garbage = garbagePlaceOf(registry)
  switch (question.kind) {
    case 'metrics':
      return [...(await metrics.describe()), ...(await describeTree(garbage))]
    case 'health':
      return health.problems
    case 'garbage':
      return garbage === null ? IN_MEMORY : await garbagePage(garbage, question)
    case 'reload':
      return await reloadAll(reloadables, question, log)
  }
}

/** Null where content is in memory. */
function garbagePlaceOf({ database, tree }: Registry): GarbagePlace | null {
  return tree === null ? null : { read: database, files: tree.files, start: tree.start, knownUntil: null }
}

/** Nothing where content is in memory: nobody else can have changed it. */
async function describeTree(place: GarbagePlace | null): Promise<Metric[]> {
  if (place === null || place.start === null) return []
  const isKnown = (await findTreeState(place.read, place.start)) === 'known'
  const help = 'Whether all that another registry may have left in the folder is known.'
  return [gauge('berth_tree_known', help, [{ labels: {}, value: isKnown ? 1 : 0 }], 'max')]
}

async function garbagePage(
  place: GarbagePlace,
  { deleteUntagged, cursor }: Question & { readonly kind: 'garbage' },
): Promise<GarbagePage | NoGarbagePage> {
  try {
    return await findGarbage(place, { deleteUntagged }, cursor)
  } catch (error) {
    if (error instanceof GarbageUnknown) return { unknown: error.message }
    throw error
  }
}

const IN_MEMORY: NoGarbagePage = {
  unknown: 'Everything is in memory, so there is nothing to collect: it is gone when Berth stops.',
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
