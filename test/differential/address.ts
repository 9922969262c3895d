/**
 * What differences.md calls the route of a request: its method and pattern, and for addresses that are no route at
 * docker-registry, or fail there before a handler sees them, what is wrong with them, whatever the method. OPTIONS, which every
 * address takes, is a method like the others.
 */

/** What stands between slashes in a name: docker-registry has no route for others. */
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|[-]*)[a-z0-9]+)*'
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)
/** A host, as before the name of an image: docker-registry's router takes one. */
const NAME_WITH_HOST = new RegExp(`^${LABEL}(?:\\.${LABEL})*(?::[0-9]+)?(?:/${COMPONENT})+$`)
const LONGEST_NAME = 255
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** docker-registry's router lets these through, and its handlers choke on them. */
const UNPRONOUNCEABLE = '/v2/<a name longer than 255, or with a port>/…'

interface Pattern {
  readonly path: RegExp
  readonly shown: string
  readonly methods: readonly string[]
}

const NAMED = '^/v2/(?<name>.+)'

const PATTERNS: readonly Pattern[] = [
  { path: /^debug:\/debug\/health$/, shown: '/debug/health of the debug server', methods: ['GET'] },
  { path: /^\/$/, shown: '/', methods: ['GET'] },
  { path: /^\/v2$/, shown: '/v2', methods: ['GET'] },
  { path: /^\/v2\/$/, shown: '/v2/', methods: ['GET'] },
  { path: /^\/v2\/_catalog$/, shown: '/v2/_catalog', methods: ['GET'] },
  { path: new RegExp(`${NAMED}/tags/list$`), shown: '/v2/<name>/tags/list', methods: ['GET'] },
  {
    path: new RegExp(`${NAMED}/manifests/(?<reference>[^/]+)$`),
    shown: '/v2/<name>/manifests/<reference>',
    methods: ['GET', 'PUT', 'DELETE'],
  },
  { path: new RegExp(`${NAMED}/blobs/uploads$`), shown: '/v2/<name>/blobs/uploads', methods: ['POST'] },
  { path: new RegExp(`${NAMED}/blobs/uploads/$`), shown: '/v2/<name>/blobs/uploads/', methods: ['POST'] },
  {
    path: new RegExp(`${NAMED}/blobs/uploads/(?<id>[^/]+)$`),
    shown: '/v2/<name>/blobs/uploads/<id>',
    methods: ['GET', 'PATCH', 'PUT', 'DELETE'],
  },
  {
    path: new RegExp(`${NAMED}/blobs/(?<digest>[^/]+)$`),
    shown: '/v2/<name>/blobs/<digest>',
    methods: ['GET', 'DELETE'],
  },
  { path: new RegExp(`${NAMED}/referrers/[^/]+$`), shown: '/v2/<name>/referrers/<digest>', methods: ['GET'] },
]

/** `path` is without its query. `isGiven` says whether a registry has handed it out. HEAD counts as GET. */
export function routeOf(method: string, path: string, isGiven: boolean): string {
  const decoded = decodeURIComponent(path)
  if (/\/\.\.?(?:\/|$)/.test(decoded)) return 'a path with dot segments'
  for (const { path: expression, shown, methods } of PATTERNS) {
    const found = expression.exec(decoded)
    if (found === null) continue
    const flaw = flawOf(found.groups ?? {}, isGiven)
    if (flaw !== null) return flaw
    const named = method === 'HEAD' ? 'GET' : method
    return [...methods, 'OPTIONS'].includes(named) ? `${named} ${shown}` : `another method on ${shown}`
  }
  return 'any other path'
}

function flawOf({ name, reference, digest, id }: Record<string, string>, isGiven: boolean): string | null {
  if (name !== undefined && !NAME.test(name)) {
    if (!NAME_WITH_HOST.test(name)) return '/v2/<a name outside the grammar>/…'
    return name.includes(':') ? UNPRONOUNCEABLE : '/v2/<a name with an upper-case host>/…'
  }
  if (name !== undefined && name.length > LONGEST_NAME) return UNPRONOUNCEABLE
  if (digest !== undefined && !digest.includes(':')) return '/v2/<name>/blobs/<no digest>'
  if (id !== undefined && !isGiven) return '/v2/<name>/blobs/uploads/<an id that was never given>'
  if (reference === undefined || TAG.test(reference) || DIGEST.test(reference)) return null
  return `/v2/<name>/manifests/<${reference.includes(':') ? 'a malformed digest' : 'neither tag nor digest'}>`
}
