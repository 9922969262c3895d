/**
 * Where to kill: at one step of one request of a round, or behind an answer. What is drawn depends on the seed
 * and on what was counted, and meets every kind of request and the rare steps as well as the frequent ones.
 */
import { REQUEST_KINDS, type RequestKind } from '../fault/ledger.ts'
import type { Call, StepCounts } from '../fault/strace.ts'

/** One request of a round, and the steps that it takes. */
export interface CountedRequest {
  readonly kind: RequestKind
  readonly steps: StepCounts
}

export interface KillPoint {
  /** Number of the request in its round, from 0. */
  readonly request: number
  readonly kind: RequestKind
  /** Before this call is made; or as soon as the answer is there, with every write to the disk held up. */
  readonly at: Call | 'answered'
}

export function describePoint({ request, kind, at }: KillPoint): string {
  const moment = at === 'answered' ? 'behind the answer' : `before ${at.step} ${at.count}`
  return `${moment} of request ${request} (${kind})`
}

function pick<T>(values: readonly T[], random: () => number): T | undefined {
  return values[Math.floor(random() * values.length)]
}

/** One point behind the answer of each kind of request. */
export function pointsBehindAnswers(
  requests: readonly CountedRequest[],
  random: () => number,
): readonly KillPoint[] {
  return REQUEST_KINDS.flatMap((kind) => {
    const numbers = requests.flatMap((request, number) => (request.kind === kind ? [number] : []))
    const request = pick(numbers, random)
    return request === undefined ? [] : [{ request, kind, at: 'answered' } as const]
  })
}

/**
 * `amount` points: different ones, as long as there are others. The kinds of requests take turns, and in each
 * one its requests, and their steps, have equal chances, so that rare ones are met as often as frequent ones.
 * Throws where no request takes a step.
 */
export function pointsAtSteps(
  requests: readonly CountedRequest[],
  amount: number,
  random: () => number,
): readonly KillPoint[] {
  const total = stepsOf(requests)
  if (total === 0) throw new Error('No step was counted.')
  const points: KillPoint[] = []
  while (points.length < amount) {
    points.push(...differentPoints(requests, Math.min(amount - points.length, total), random))
  }
  return points
}

function stepsOf(requests: readonly CountedRequest[]): number {
  return requests.flatMap(({ steps }) => [...steps.values()]).reduce((sum, count) => sum + count, 0)
}

function differentPoints(
  requests: readonly CountedRequest[],
  amount: number,
  random: () => number,
): KillPoint[] {
  const numbers = [...requests.keys()]
  const first = Math.floor(random() * REQUEST_KINDS.length)
  const points = new Map<string, KillPoint>()
  for (let turn = first; points.size < amount; turn += 1) {
    const kind = REQUEST_KINDS[turn % REQUEST_KINDS.length]
    const request = pick(
      numbers.filter((number) => requests[number]?.kind === kind),
      random,
    )
    if (kind === undefined || request === undefined) continue
    const [step, most] = pick([...(requests[request]?.steps ?? [])], random) ?? []
    if (step === undefined || most === undefined) continue
    const point: KillPoint = { request, kind, at: { step, count: 1 + Math.floor(random() * most) } }
    points.set(describePoint(point), point)
  }
  return [...points.values()]
}
