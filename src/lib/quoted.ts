/** The longest text that is shown whole. */
const LONGEST = 200

/** What a person sent, for an error message: in quotes, escaped so that it cannot break a line, and shortened so that the message stays one. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
}
