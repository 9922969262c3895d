/**
 * What must be visible of a folder, as single facts: what a tag names, and whether a repository has a manifest or
 * a blob. A step that was cut off leaves a fact with two values, until a server shows one of them: then it must
 * stay that one. What another registry's collection swept is *loose*: a link without bytes may be left, and
 * comes to life when the bytes come back by another repository, so nobody can say whether it must be visible.
 *
 * What Berth had answered when it was killed another registry may turn back: then it is as that one left it. Only what
 * Berth had not answered may still happen at its next start, where nothing has been pushed over it.
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
  /** What facts were before Berth changed them last, if it was killed since and has not shown them again. */
  readonly #before = new Map<FactKey, Value>()
  /** What a step that was cut off would have made of them. */
  readonly #unfinished = new Map<FactKey, Value>()

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

  /** Whether a fact may have the value, certain or not. */
  mayBe(key: FactKey, value: Value): boolean {
    return this.#allowed.get(key)?.has(value) === true
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
      if (value !== null) this.#unfinished.delete(key)
    }
  }

  /** As acknowledge, of a Berth that may yet be killed. */
  acknowledgeByBerth(changes: Changes): void {
    this.#remember(changes)
    this.acknowledge(changes)
  }

  /** Berth was killed in a step: each of its changes may have happened, or may yet. */
  cutOff(changes: Changes): void {
    this.#remember(changes)
    this.#doubt(changes)
    for (const [key, value] of changes) this.#unfinished.set(key, value)
  }

  /** Berth starts after a kill. */
  recovers(): void {
    this.#doubt(this.#unfinished)
    this.#unfinished.clear()
  }

  /** Berth was stopped in peace, or has shown everything after a kill. */
  forget(): void {
    this.#before.clear()
  }

  /** What a killed Berth changed last, with what was so before. */
  changedByBerth(): readonly (readonly [FactKey, Value])[] {
    return [...this.#before]
  }

  #remember(changes: Changes): void {
    for (const key of changes.keys()) {
      const before = this.certain(key)
      if (before !== undefined) this.#before.set(key, before)
    }
  }

  #doubt(changes: Changes): void {
    for (const [key, value] of changes) this.#allowed.get(key)?.add(value)
  }

  /** Another registry collected: everything else than what it must keep may be gone. */
  collected(kept: ReadonlySet<FactKey>): void {
    this.#doubted = this.keys().filter((key) => !kept.has(key) && this.certain(key) !== null)
    this.#doubt(new Map(this.#doubted.map((key) => [key, null])))
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
