/**
 * The texts of refusals, which are no rule by rule: docker-registry's message is one phrase for each code, and its
 * detail the inside of a Go value. Berth's message is a sentence that says what to do; and whatever name, tag or
 * digest docker-registry's detail has stands in Berth's text too.
 */
import type { RawResponse } from '../../src/http/raw-client.support.ts'
import { problemsOf } from './observation.ts'

/** The keys of details whose values somebody could look for. */
const TELLING = new Set(['name', 'Name', 'Tag', 'Revision', 'Digest'])

/** What Berth's refusal fails to say, or null. */
export function findMute(theirs: RawResponse, ours: RawResponse): string | null {
  const problems = problemsOf(ours)
  const text = JSON.stringify(problems)
  const rough = problems.find(({ message }) => !/^\S.*\.$/s.test(message))
  if (rough !== undefined) return `"${rough.message}" is no sentence`
  if (problemsOf(theirs)[0]?.code !== problems[0]?.code) return null
  const missing = problemsOf(theirs)
    .flatMap(({ detail }) => factsOf(detail))
    .find((fact) => !text.includes(fact))
  return missing === undefined ? null : `${text} does not name ${missing}`
}

function factsOf(detail: unknown): string[] {
  if (typeof detail === 'string') return detail.startsWith('sha256:') ? [detail] : []
  if (typeof detail !== 'object' || detail === null) return []
  return Object.entries(detail).flatMap(([key, value]) =>
    TELLING.has(key) && typeof value === 'string' ? [value] : [],
  )
}
