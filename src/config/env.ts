/**
 * The only reader of the process's environment. Whoever needs a variable is given what this returns, so
 * that a test, or another process, can say what the environment is.
 */
export type Environment = Readonly<Record<string, string>>

export function readEnvironment(): Environment {
  const entries = Object.entries(process.env)
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** https://no-color.org: any value but the empty one. */
export function refusesColor(environment: Environment): boolean {
  return (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
}
