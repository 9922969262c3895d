/** Asks both registries the same, and says where their answers differ. */

import type { RawResponse } from '../../src/http/raw-client.support.ts'
import { routeOf } from './address.ts'
import { fillIn } from './contents.ts'
import { differencesOf, observe } from './observation.ts'
import { findMute } from './refusal.ts'
import type { Disagreement } from './rules.ts'
import type { ScriptedRequest } from './script.ts'
import type { Pair } from './servers.ts'

export interface Comparison {
  readonly request: ScriptedRequest
  readonly disagreements: readonly Disagreement[]
  /** What is wrong with the text of Berth's refusal; null where nothing is. */
  readonly mute: string | null
}

/**
 * Where docker-registry sends a client elsewhere and Berth answers at once, it has to answer what docker-registry
 * answers there: that is asked too, with the same method, and compared like everything else.
 */
export async function compare(pair: Pair, request: ScriptedRequest): Promise<Comparison> {
  const [theirs, ours] = await Promise.all([pair.theirs.send(request), pair.ours.send(request)])
  const disagreements: Disagreement[] = []
  let [asked, answer] = [request, theirs]
  while (answer.status === 301 && ours.status !== 301) {
    disagreements.push(redirectOf(asked, answer))
    asked = { ...asked, target: answer.headers['location'] ?? '' }
    answer = await pair.theirs.send(asked)
  }
  disagreements.push(...disagreementsOf(asked, answer, ours))
  return { request, disagreements, mute: findMute(answer, ours) }
}

function redirectOf(request: ScriptedRequest, theirs: RawResponse): Disagreement {
  return { ...contextOf(request, theirs), field: 'answer', theirs: '301', ours: '<there>' }
}

function disagreementsOf(request: ScriptedRequest, theirs: RawResponse, ours: RawResponse): Disagreement[] {
  const { method } = request
  return differencesOf(observe(method, theirs), observe(method, ours)).map((difference) => ({
    ...difference,
    ...contextOf(request, theirs),
  }))
}

function contextOf(
  request: ScriptedRequest,
  theirs: RawResponse,
): Pick<Disagreement, 'route' | 'conditions' | 'isHead'> {
  return {
    route: routeIn(request),
    conditions: [request.when, `the status is ${theirs.status}`],
    isHead: request.method === 'HEAD',
  }
}

function routeIn({ method, target }: ScriptedRequest): string {
  const isGiven = target.startsWith('@')
  const path = isGiven ? '/v2/a/blobs/uploads/given' : fillIn(target).replace(/\?.*/, '')
  return routeOf(method, path, isGiven)
}
