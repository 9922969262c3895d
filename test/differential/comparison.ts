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

export async function compare(pair: Pair, request: ScriptedRequest): Promise<Comparison> {
  const [theirs, ours] = await Promise.all([pair.theirs.send(request), pair.ours.send(request)])
  return { request, disagreements: disagreementsOf(request, theirs, ours), mute: findMute(theirs, ours) }
}

function disagreementsOf(request: ScriptedRequest, theirs: RawResponse, ours: RawResponse): Disagreement[] {
  const { method, when } = request
  const route = routeIn(request)
  return differencesOf(observe(method, theirs), observe(method, ours)).map((difference) => ({
    ...difference,
    route,
    conditions: [when, `the status is ${theirs.status}`],
    isHead: method === 'HEAD',
  }))
}

function routeIn({ method, target }: ScriptedRequest): string {
  const isGiven = target.startsWith('@')
  const path = isGiven ? '/v2/a/blobs/uploads/given' : fillIn(target).replace(/\?.*/, '')
  return routeOf(method, path, isGiven)
}
