/** What can be read anew while Berth runs: a file that has changed, or everything when the operator asks for it. */
export interface Reloadable {
  /** What it is, for the log. */
  readonly name: string
  /** Reads it again. Gives what is wrong, as a sentence; then what was there before goes on, where that is safe. */
  reload(): Promise<string | null>
}
