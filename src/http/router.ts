/**
 * Finds the route for a method and a path.
 *
 * A pattern is made of literal segments, `:one` (one segment) and at most one `:many+` (one segment or more, as
 * many as fit); where it ends in `/?` a slash may follow. No segment is ever empty. HEAD goes to the GET route
 * unless it has one of its own, which is safe because a HEAD reply opens nothing (reply.ts).
 * Invariant: a table with a route that does not say what permission it needs cannot be made.
 * What a route carries and answers, and who checks the permission, is the protocol's own affair.
 */
import type { Reply } from './reply.ts'

/** The values of a pattern's parameters, by name. */
export type Params = Readonly<Record<string, string>>

export interface Route<Context, Need, Answer = Reply> {
  readonly method: string
  readonly pattern: string
  /** The permission that a caller needs. There is no default. */
  readonly needs: Need
  handle(context: Context, params: Params): Promise<Answer>
}

/** What a route says besides its address; the names of its parameters are those in the pattern. */
export interface RouteBody<Context, Need, Pattern extends string, Answer> {
  readonly needs: Need
  handle(context: Context, params: ParamsOf<Pattern>): Promise<Answer>
}

export type ParamsOf<Pattern extends string> = { readonly [Name in ParamNames<Pattern>]: string }

type ParamNames<Pattern extends string> = Pattern extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? WithoutPlus<Name> | ParamNames<`/${Tail}`>
    : WithoutPlus<Rest>
  : never

type WithoutPlus<Name extends string> = Name extends `${infer Bare}+` ? Bare : Name

export function route<Context, Need, const Pattern extends string, Answer = Reply>(
  method: string,
  pattern: Pattern,
  body: RouteBody<Context, Need, Pattern, Answer>,
): Route<Context, Need, Answer> {
  return { method, pattern, needs: body.needs, handle: body.handle.bind(body) }
}

export type Match<Context, Need, Answer = Reply> =
  | { readonly kind: 'found'; readonly route: Route<Context, Need, Answer>; readonly params: Params }
  | {
      readonly kind: 'method-not-allowed'
      readonly allow: readonly string[]
      /** What the address takes with another method: the first such route of the table. */
      readonly other: { readonly route: Route<Context, Need, Answer>; readonly params: Params }
    }
  | { readonly kind: 'not-found' }

export interface Router<Context, Need, Answer = Reply> {
  /** `path` is decoded and begins with a slash. Of several patterns that fit, the one with more literal segments wins. */
  find(method: string, path: string): Match<Context, Need, Answer>
}

/** Throws for a route without `needs`, for two routes at one address, and for a pattern that is none. */
export function createRouter<Context, Need, Answer = Reply>(
  routes: readonly Route<Context, Need, Answer>[],
): Router<Context, Need, Answer> {
  const addresses = groupByPattern(routes)
  return {
    find(method, path) {
      const segments = path.split('/')
      const allow: string[] = []
      let other: { route: Route<Context, Need, Answer>; params: Params } | null = null
      for (const address of addresses) {
        const params = matchPattern(address.pattern, segments)
        if (params === null) continue
        const found =
          address.routes.get(method) ?? (method === 'HEAD' ? address.routes.get('GET') : undefined)
        if (found !== undefined) return { kind: 'found', route: found, params }
        allow.push(...allowedBy(address.routes))
        other ??= { route: address.first, params }
      }
      if (other === null) return { kind: 'not-found' }
      return { kind: 'method-not-allowed', allow: [...new Set(allow)].sort(), other }
    },
  }
}

interface Address<Context, Need, Answer> {
  readonly pattern: Pattern
  readonly routes: Map<string, Route<Context, Need, Answer>>
  readonly first: Route<Context, Need, Answer>
}

function groupByPattern<Context, Need, Answer>(
  routes: readonly Route<Context, Need, Answer>[],
): Address<Context, Need, Answer>[] {
  const addresses = new Map<string, Address<Context, Need, Answer>>()
  for (const route of routes) {
    const place = `${route.method} ${route.pattern}`
    if (route.needs === undefined || route.needs === null) {
      throw new Error(`The route ${place} does not say what permission it needs.`)
    }
    const address = addresses.get(route.pattern) ?? {
      pattern: parsePattern(route.pattern),
      routes: new Map(),
      first: route,
    }
    if (address.routes.has(route.method)) throw new Error(`There are two routes ${place}.`)
    address.routes.set(route.method, route)
    addresses.set(route.pattern, address)
  }
  return [...addresses.values()].sort((a, b) => b.pattern.literals - a.pattern.literals)
}

function allowedBy(routes: ReadonlyMap<string, unknown>): string[] {
  return routes.has('GET') ? [...routes.keys(), 'HEAD'] : [...routes.keys()]
}

/** One segment of a pattern: itself, or the name of what stands there. */
interface Segment {
  readonly text: string
  readonly isName: boolean
}

/** Where there is no `many`, all segments are before it. The first one is the empty one before the first slash. */
interface Pattern {
  readonly before: readonly Segment[]
  readonly many: string | null
  readonly after: readonly Segment[]
  readonly mayEndInSlash: boolean
  readonly literals: number
}

function parsePattern(text: string): Pattern {
  const mayEndInSlash = text.endsWith('/?')
  const parts = (mayEndInSlash ? text.slice(0, -2) : text).split('/')
  const manyAt = parts.findIndex((part) => part.startsWith(':') && part.endsWith('+'))
  const before = manyAt === -1 ? parts : parts.slice(0, manyAt)
  const after = manyAt === -1 ? [] : parts.slice(manyAt + 1)
  if (parts[0] !== '' || after.some((part) => part.endsWith('+'))) {
    throw new Error(`"${text}" is not a pattern: it begins with a slash, and has at most one :name+`)
  }
  return {
    before: before.map(parseSegment),
    many: parts[manyAt]?.slice(1, -1) ?? null,
    after: after.map(parseSegment),
    mayEndInSlash,
    literals: parts.filter((part) => !part.startsWith(':')).length,
  }
}

function parseSegment(part: string): Segment {
  return part.startsWith(':') ? { text: part.slice(1), isName: true } : { text: part, isName: false }
}

/** The parameters if the segments of a path fit, or null. The end is looked at first: there patterns differ. */
function matchPattern(pattern: Pattern, segments: readonly string[]): Params | null {
  const { before, many, after } = pattern
  const endsInSlash = pattern.mayEndInSlash && segments.length > before.length && segments.at(-1) === ''
  const end = endsInSlash ? segments.length - 1 : segments.length
  const manyEnd = end - after.length
  if (many === null ? manyEnd !== before.length : manyEnd <= before.length) return null
  if (!fits(after, segments, manyEnd) || !fits(before, segments, 0)) return null
  const params: Record<string, string> = {}
  if (many !== null) {
    const middle = segments.slice(before.length, manyEnd)
    if (middle.includes('')) return null
    params[many] = middle.join('/')
  }
  collect(before, segments, 0, params)
  collect(after, segments, manyEnd, params)
  return params
}

// Loops over indexes: an iterator apiece made a third of what finding a route costs.

function fits(expected: readonly Segment[], segments: readonly string[], from: number): boolean {
  for (let index = 0; index < expected.length; index++) {
    const segment = expected[index]
    const actual = segments[from + index]
    if (segment?.isName ? actual === '' : actual !== segment?.text) return false
  }
  return true
}

function collect(
  expected: readonly Segment[],
  segments: readonly string[],
  from: number,
  params: Record<string, string>,
): void {
  for (let index = 0; index < expected.length; index++) {
    const segment = expected[index]
    if (segment?.isName) params[segment.text] = segments[from + index] ?? ''
  }
}
