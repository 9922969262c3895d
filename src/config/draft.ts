/**
 * The settings while they are being brought together: a tree of values as the sources gave them, and who gave each.
 * A later source overrules an earlier one, setting by setting. Nothing here knows what the settings mean.
 */

/** Names of keys from the top down; a list's items go by number. */
export type Place = readonly string[]

/** Who said a thing, in the words of a message: `REGISTRY_HTTP_ADDR`, `--addr`, `http.addr in config.yml`. */
export interface Origin {
  readonly source: 'file' | 'variable' | 'flag'
  readonly words: string
}

export interface Given {
  readonly place: Place
  readonly value: unknown
  readonly origin: Origin
}

type Branch = Record<string, unknown>

export class Draft {
  readonly #tree: Branch = Object.create(null)
  readonly #origins = new Map<string, Given>()

  /** The whole tree, for the schema to read. */
  get tree(): Readonly<Branch> {
    return this.#tree
  }

  /** Puts a value at a place; what stood below it before is gone. */
  set(place: Place, value: unknown, origin: Origin): void {
    this.remove(place)
    const last = place.at(-1)
    if (last === undefined) return
    Reflect.set(this.#branchAt(place.slice(0, -1)), last, value)
    this.#origins.set(nameOf(place), { place, value, origin })
  }

  remove(place: Place): void {
    const name = nameOf(place)
    for (const known of this.#origins.keys()) {
      if (known === name || known.startsWith(`${name}.`)) this.#origins.delete(known)
    }
    const parent = this.get(place.slice(0, -1))
    const last = place.at(-1)
    if (isBranch(parent) && last !== undefined) Reflect.deleteProperty(parent, last)
  }

  get(place: Place): unknown {
    let at: unknown = this.#tree
    for (const key of place) at = isBranch(at) || Array.isArray(at) ? ownValue(at, key) : undefined
    return at
  }

  /** Who said what stands at a place, or else something below it, or else the nearest that stands above it. */
  originOf(place: Place): Given | null {
    const start = `${nameOf(place)}.`
    const at = this.#origins.get(nameOf(place))
    const below = [...this.#origins].find(([name]) => name.startsWith(start))?.[1]
    const above = place.map((_, index) => this.#origins.get(nameOf(place.slice(0, index)))).reverse()
    return at ?? below ?? above.find((given) => given !== undefined) ?? null
  }

  /** What was said below a place, save that there are sections. */
  givenBelow(place: Place): Given[] {
    const start = `${nameOf(place)}.`
    const names = [...this.#origins.keys()].filter((name) => name.startsWith(start))
    const leaves = names.filter((name) => !names.some((other) => other.startsWith(`${name}.`)))
    const given = leaves.map((name) => this.#origins.get(name)).filter((each) => each !== undefined)
    return given.filter(({ value }) => !isBranch(value) || Object.keys(value).length > 0)
  }

  #branchAt(place: Place): object {
    let at: object = this.#tree
    for (const key of place) {
      const next = ownValue(at, key)
      if (isBranch(next) || Array.isArray(next)) at = next
      else {
        const created: Branch = Object.create(null)
        Reflect.set(at, key, created)
        at = created
      }
    }
    return at
  }
}

export function nameOf(place: Place): string {
  return place.join('.')
}

export function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ownValue(parent: object, key: string): unknown {
  return Object.hasOwn(parent, key) ? Reflect.get(parent, key) : undefined
}
