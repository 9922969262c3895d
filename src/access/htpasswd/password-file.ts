/**
 * The text of an htpasswd file: a user a line, `name:hash`. What distribution's registry and Apache's `htpasswd`
 * write is read; only bcrypt lets anybody in, as there. Where a name stands twice the last line counts, as there.
 * Blank lines, comments, CRLF and a byte order mark are fine. A line that is none is reported and left out.
 */

export type StoredPassword =
  | { readonly kind: 'bcrypt'; readonly hash: string; readonly cost: number }
  /** Nobody can log in with it; `form` is what people call it. */
  | { readonly kind: 'unsupported'; readonly form: string }

export interface PasswordFile {
  readonly users: ReadonlyMap<string, StoredPassword>
  /** Lines that are none, and names that stand twice: whole sentences without the file's name. */
  readonly complaints: readonly string[]
  /** The cost of most passwords in it: what looking for somebody unknown must cost too. */
  readonly usualCost: number
}

/** What Apache's `htpasswd -B` takes where nobody says. */
const CHEAPEST_USUAL_COST = 5

export function parsePasswordFile(bytes: Uint8Array): PasswordFile {
  const users = new Map<string, StoredPassword>()
  const complaints: string[] = []
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/)
  for (const [index, line] of lines.map((each) => each.trim()).entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [, name, hash] = /^([^:]+):([^:]*)/.exec(line) ?? []
    if (name === undefined || hash === undefined) {
      complaints.push(`Line ${index + 1} is no user: write name:hash.`)
      continue
    }
    if (users.has(name)) complaints.push(`${JSON.stringify(name)} stands twice: the last line counts.`)
    users.set(name, parseStoredPassword(hash))
  }
  return { users, complaints, usualCost: usualCost([...users.values()]) }
}

/** Version, cost, and 22 characters of salt with 31 of hash in bcrypt's own Base64; the last one has four bits only. */
const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{52}[.CGKOSWaeimquy26]$/

const OTHER_FORMS: readonly (readonly [RegExp, string])[] = [
  [/^\$2/, 'a broken bcrypt hash'],
  [/^\$apr1\$/, 'MD5 (apr1)'],
  [/^\$1\$/, 'MD5'],
  [/^\$5\$/, 'SHA-256'],
  [/^\$6\$/, 'SHA-512'],
  [/^\{SHA\}/, 'SHA-1'],
  [/^\$argon2/, 'Argon2'],
  [/^\$y\$/, 'yescrypt'],
  [/^[./A-Za-z0-9]{13}$/, 'DES crypt'],
]

function parseStoredPassword(hash: string): StoredPassword {
  const cost = BCRYPT.exec(hash)?.[1]
  if (cost !== undefined) return { kind: 'bcrypt', hash, cost: Number(cost) }
  const form = OTHER_FORMS.find(([pattern]) => pattern.test(hash))?.[1]
  return { kind: 'unsupported', form: form ?? 'no hash that is known here' }
}

function usualCost(passwords: readonly StoredPassword[]): number {
  const counts = new Map<number, number>()
  for (const password of passwords) {
    if (password.kind === 'bcrypt') counts.set(password.cost, (counts.get(password.cost) ?? 0) + 1)
  }
  const [usual] = [...counts].toSorted(([, a], [, b]) => b - a)
  return usual?.[0] ?? CHEAPEST_USUAL_COST
}
