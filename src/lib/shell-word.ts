/** A word as it is typed in a POSIX shell, for commands that people copy from a message: in single quotes where it must be. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
