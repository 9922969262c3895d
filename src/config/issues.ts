/** What the schema finds wrong with the settings, in words for whoever wrote them. */
import type { Draft, Place } from './draft.ts'
import { suggestSetting } from './file.ts'
import { settingsSchema } from './schema.ts'
import { MASK, masked, schemaAt } from './secrets.ts'
import { isScalar } from './values.ts'

type Issue = NonNullable<ReturnType<typeof settingsSchema.safeParse>['error']>['issues'][number]

/** One sentence for each thing that is wrong: where it was written, what is there, and what to write. */
export function describeIssue(given: Draft, issue: Issue): string[] {
  const place = writtenAt(given, issue.path.map(String))
  const words = given.originOf(place)?.origin.words ?? place.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const name = [...place, key].join('.')
      const near = suggestSetting(name)
      return `${words}: ${name} is not a setting that Berth knows.${near === null ? '' : ` Did you mean ${near}?`}`
    })
  }
  if (given.get(place) === undefined) return [`${words}: ${place.at(-1)} is missing: ${hintOf(issue)}.`]
  const value = masked(schemaAt(settingsSchema, place), given.get(place))
  const shown = value === MASK ? 'cannot be used' : `is ${JSON.stringify(value)}`
  return [`${words} ${shown}: ${CHOICES[place.join('.')] ?? hintOf(issue)}.`]
}

/** What is wrong with the first item of a list is wrong with the one value that was written instead of it. */
function writtenAt(given: Draft, place: Place): Place {
  return place.at(-1) === '0' && isScalar(given.get(place.slice(0, -1))) ? place.slice(0, -1) : place
}

/** Sections that may be chosen from by a name alone. */
const CHOICES: Readonly<Record<string, string>> = {
  storage: 'write filesystem or inmemory',
  auth: 'write htpasswd, token, silly or none',
}

/** Our own hints say what to write; the library's of shapes would speak of types. */
function hintOf(issue: Issue): string {
  if (issue.code === 'custom') return issue.message
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message
  if (issue.code === 'invalid_type' && issue.expected === 'array') return 'write a list'
  return 'write "key: value" lines'
}
