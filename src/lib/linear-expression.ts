/**
 * Regular expressions for texts that strangers choose: in Go's syntax (RE2), matched in time that grows with the text
 * and no faster. JavaScript's own go back and try again: `([^/]+\\.)*example` on forty short labels takes them minutes.
 */
import { RE2JS, RE2JSSyntaxException } from 're2js'

export interface Expression {
  /** Whether it matches anywhere in the text. */
  test(text: string): boolean
}

/** Throws where the text is none. */
export function parseExpression(text: string): Expression {
  return RE2JS.compile(text)
}

export function isExpression(text: string): boolean {
  try {
    parseExpression(text)
    return true
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return false
    throw error
  }
}
