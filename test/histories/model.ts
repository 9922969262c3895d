/**
 * What must be visible of a folder, as single facts: what a tag names, and whether a repository has a manifest or
 * a blob. A step that was cut off leaves a fact with two values, until a server shows one of them: then it must
 * stay that one. What another registry's collection swept is *loose*: a link without bytes may be left, and
 * comes to life when the bytes come back by another repository, so nobody can say whether it must be visible.
 *
 * Berth remembers each value of a link that it changed less than about a second before it was killed. Where another
 * registry put one of these back meanwhile, Berth cannot tell whose it is and lets its own change stand; so in a
 * history nobody writes a *remembered* value until Berth has started again.
 */

/** `tag`, `manifest` or `blob`; the repository; the tag's name or the digest. */
export type FactKey = `${'tag' | 'manifest' | 'blob'} ${string} ${string}`

/** The digest that a tag names, or the digest itself of what is there; null where there is nothing. */
export type Value = string | null

export type Changes = ReadonlyMap<FactKey, Value>

/** What one server shows of every fact. */
export type View = ReadonlyMap<FactKey, Value>

export interface Fact {
  readonly kind: 'tag' | 'manifest' | 'blob'
  readonly repository: string
  readonly name: string
}

export function parseFact(key: FactKey): Fact {
  const [kind, repository = '', name = ''] = key.split(' ')
  if (kind !== 'tag' && kind !== 'manifest' && kind !== 'blob') throw new Error(`no fact: ${key}`)
  return { kind, repository, name }
}

export class Model {
  readonly #allowed = new Map<FactKey, Set<Value>>()
  readonly #loose = new Set<FactKey>()
  /** What a collection may take, until somebody has looked. */
  #doubted: readonly FactKey[] = []
  /** The values that each fact had in the life of a Berth that was killed, its last ones apart. */
  readonly #remembered = new Map<FactKey, { readonly values: Set<Value>; last: ReadonlySet<Value> }>()

  /** Every key that anybody may ask for must be given; all facts begin as absent. */
  constructor(keys: Iterable<FactKey>) {
    for (const key of keys) this.#allowed.set(key, new Set([null]))
  }

  keys(): FactKey[] {
    return [...this.#allowed.keys()]
  }

  isLoose(key: FactKey): boolean {
    return this.#loose.has(key)
  }

  /** What a fact is for certain; undefined where it is not certain. */
  certain(key: FactKey): Value | undefined {
    const values = this.#allowed.get(key)
    const [value] = values ?? []
    return values?.size === 1 && !this.#loose.has(key) ? value : undefined
  }

  /** The keys of one kind that are certainly there in a repository. */
  present(kind: Fact['kind'], repository: string): FactKey[] {
    const start = `${kind} ${repository} `
    return this.keys().filter((key) => key.startsWith(start) && typeof this.certain(key) === 'string')
  }

  /** A step was acknowledged. */
  acknowledge(changes: Changes): void {
    for (const [key, value] of changes) {
      this.#allowed.set(key, new Set([value]))
      this.#loose.delete(key)
    }
  }

  /** A step was cut off: each of its changes may have happened. */
  doubt(changes: Changes): void {
    for (const [key, value] of changes) this.#allowed.get(key)?.add(value)
  }

  /** As acknowledge or doubt, by a Berth that may yet be killed. */
  remember(changes: Changes): void {
    for (const [key, value] of changes) {
      const last = this.#allowed.get(key) ?? []
      const before = this.#remembered.get(key)?.values ?? []
      this.#remembered.set(key, { values: new Set([...before, ...last, value]), last: new Set() })
    }
  }

  /** Berth was killed: what it has changed is as it left it, or as it was to become. */
  killed(): void {
    for (const [key, fact] of this.#remembered) fact.last = new Set(this.#allowed.get(key))
  }

  /** Berth was stopped in peace, or has shown everything after a kill. */
  forget(): void {
    this.#remembered.clear()
  }

  /** Whether Berth would take a value that another registry writes for an older one of its own. */
  isRemembered(key: FactKey, value: Value): boolean {
    const fact = this.#remembered.get(key)
    if (fact === undefined) return false
    const isNewest = fact.last.size === 1 && fact.last.has(value)
    return fact.values.has(value) && !isNewest
  }

  /** The tags that a killed Berth changed, and that another registry may overtake with a value of its own. */
  rememberedTags(): FactKey[] {
    return [...this.#remembered.keys()].filter((key) => parseFact(key).kind === 'tag')
  }

  /** Berth starts after a kill: where nobody else wrote, a change that was cut off may still happen. */
  recovers(): void {
    for (const [key, { values, last }] of this.#remembered) {
      const allowed = this.#allowed.get(key)
      if (allowed !== undefined && [...allowed].every((value) => values.has(value))) {
        for (const value of last) allowed.add(value)
      }
    }
  }

  /** Another registry collected: everything else than what it must keep may be gone. */
  collected(kept: ReadonlySet<FactKey>): void {
    this.#doubted = this.keys().filter((key) => !kept.has(key) && this.certain(key) !== null)
    this.doubt(new Map(this.#doubted.map((key) => [key, null])))
  }

  /** The facts in which a view is not allowed; where there is none, what it shows is certain from now on. */
  contradictions(view: View): string[] {
    const wrong = [...view].filter(([key, value]) => !this.#isAllowed(key, value))
    if (wrong.length === 0) this.#settle(view)
    return wrong.map(
      ([key, value]) => `${key}: ${value}, not ${[...(this.#allowed.get(key) ?? [])].join(' or ')}`,
    )
  }

  #isAllowed(key: FactKey, value: Value): boolean {
    return this.#loose.has(key) || (this.#allowed.get(key)?.has(value) ?? false)
  }

  #settle(view: View): void {
    for (const [key, value] of view) this.#allowed.set(key, new Set([value]))
    for (const key of this.#doubted) if (view.get(key) === null) this.#loose.add(key)
    this.#doubted = []
  }
}
