/**
 * How this protocol writes JSON: to the byte as registry:2 does, for its type is what scripts have met so far, and the
 * line's end keeps a terminal's prompt off the answer.
 */
import { type BytesContent, textContent } from '../../lib/content.ts'

export const JSON_TYPE = 'application/json; charset=utf-8'

export function jsonContent(value: unknown): BytesContent {
  return textContent(`${JSON.stringify(value)}\n`)
}
