/** The way in cannot be opened as it is configured. The message says why, and what to do. */
export class AccessUnusable extends Error {
  override readonly name = 'AccessUnusable'
}
