/** What the terms of a history have in common: its state, the writing, and the looking. */
import type { Image } from '../clients/images.ts'
import type { Model } from './model.ts'
import { chooseStep, type Writer } from './steps.ts'
import { viewOf, wrongLists } from './view.ts'

const MOST_STEPS = 10

export interface History {
  readonly data: string
  /** The settings with which Berth may be started in a term. */
  readonly ways: readonly Readonly<Record<string, string>>[]
  readonly stock: readonly Image[]
  readonly model: Model
  /** From 0 to 1. */
  readonly random: () => number
  /** What has happened so far, one line each. */
  readonly story: string[]
}

/** Does some steps, each after the other; all must succeed. */
export async function write(history: History, url: string, writer: Writer): Promise<void> {
  const steps = Math.floor(history.random() * MOST_STEPS)
  for (let number = 0; number < steps; number++) {
    const step = chooseStep({ ...history, writer })
    history.story.push(step.says)
    await step.perform(url)
    if (writer === 'berth') history.model.acknowledgeByBerth(step.changes)
    else history.model.acknowledge(step.changes)
  }
}

/** Everything that a server shows is as it must be. */
export async function look({ model, story }: History, url: string, shownBy: Writer): Promise<void> {
  story.push('(everything is looked at)')
  const view = await viewOf(url, model.keys())
  expectNone('a server', [
    ...model.contradictions(view),
    ...(await wrongLists(url, view, shownBy === 'berth')),
  ])
}

/** Throws with what is wrong. */
export function expectNone(subject: string, wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Error(`${subject} shows what must not be:\n  ${wrong.join('\n  ')}`)
}
