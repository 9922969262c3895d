/** What may have been thrown, which can be anything: what it says, and what the system calls it. */

/** Its message; of what is no error, the text that it makes. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** What the kernel or a library calls the error, such as `ENOENT`; null where it has no such name. */
export function codeOf(thrown: unknown): string | null {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null
  return typeof code === 'string' ? code : null
}
