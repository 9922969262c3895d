/**
 * Rules for addresses from lists of regular expressions, as registry:2 has them (`validation.manifests.urls`). Apart
 * from manifest-policy.ts, for few have such rules, and what reads the expressions takes a hundred milliseconds to load.
 */
import { type Expression, parseExpression } from '../lib/linear-expression.ts'
import type { UrlRules } from './manifest-policy.ts'

/**
 * Each expression may match anywhere in an address. With both lists empty no address is allowed. Throws where one is
 * no regular expression.
 */
export function parseUrlRules(lists: {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}): UrlRules {
  const { allow, deny } = lists
  if (allow.length === 0 && deny.length === 0) return { allow: NOTHING, deny: null }
  return { allow: anyOf(allow), deny: anyOf(deny) }
}

const NOTHING: Expression = { test: () => false }

/** Null for none. */
function anyOf(expressions: readonly string[]): Expression | null {
  return expressions.length === 0 ? null : parseExpression(expressions.map((each) => `(?:${each})`).join('|'))
}
