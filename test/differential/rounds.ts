/** How both registries are configured in turn, and what each is asked then. */
import { join } from 'node:path'
import type { Settings } from './servers.ts'
import { TOKEN_AUTH } from './tokens.ts'

export interface Round {
  readonly name: string
  /** What they are asked before, with other settings, on the same data. */
  readonly after?: Pick<Round, 'settings' | 'scripts'>
  readonly settings: Settings
  /** Whether their checks fail once both have started: then they are asked when both have seen it. */
  readonly fallsIll?: true
  /** Files of `script/`, in this order. */
  readonly scripts: readonly string[]
}

/** ann, whose password is sesame. */
const HTPASSWD = join(import.meta.dir, 'htpasswd')
const DELETES = { delete: { enabled: true } }
/** A `Location` is a path. */
const PATHS = { relativeurls: true }

export const ROUNDS: readonly Round[] = [
  {
    name: 'with deletes',
    settings: { storage: DELETES, http: PATHS },
    scripts: ['base', 'uploads', 'blobs', 'manifests'],
  },
  { name: 'lists', settings: { storage: DELETES, http: PATHS }, scripts: ['lists'] },
  { name: 'without deletes', settings: { http: PATHS }, scripts: ['deletes-off'] },
  {
    name: 'read-only',
    after: { settings: { http: PATHS }, scripts: ['before-read-only'] },
    settings: { storage: { ...DELETES, maintenance: { readonly: { enabled: true } } }, http: PATHS },
    scripts: ['read-only'],
  },
  {
    name: 'one class of manifests',
    settings: { http: PATHS, policy: { repository: { classes: ['plugin'] } } },
    scripts: ['classes'],
  },
  {
    name: 'foreign layers from one place',
    settings: {
      http: PATHS,
      validation: { manifests: { urls: { allow: ['^https://layers\\.example\\.com/'], deny: ['secret'] } } },
    },
    scripts: ['foreign'],
  },
  {
    name: 'no validation',
    settings: { http: PATHS, validation: { disabled: true } },
    scripts: ['foreign'],
  },
  {
    name: 'all platforms of an index',
    settings: { http: PATHS, validation: { manifests: { indexes: { platforms: 'all' } } } },
    scripts: ['platforms'],
  },
  {
    name: 'small pages',
    settings: { http: PATHS, catalog: { maxentries: 2 } },
    scripts: ['small-pages'],
  },
  {
    name: 'headers as registry:2 sets them',
    settings: { http: { ...PATHS, headers: { 'X-Content-Type-Options': ['nosniff'] } } },
    scripts: ['lists'],
  },
  {
    name: 'whole addresses',
    settings: { http: { relativeurls: false } },
    scripts: ['locations'],
  },
  { name: 'no word about addresses', settings: {}, scripts: ['default-location'] },
  {
    name: 'a name of its own',
    settings: { http: { host: 'https://registry.example.com' } },
    scripts: ['locations'],
  },
  {
    name: 'a prefix',
    settings: { http: { relativeurls: false, prefix: '/registry/' } },
    scripts: ['prefix'],
  },
  {
    name: 'a login',
    settings: {
      http: PATHS,
      storage: DELETES,
      auth: { htpasswd: { realm: 'the registry', path: HTPASSWD } },
    },
    scripts: ['login'],
  },
  {
    name: 'a silly login',
    settings: {
      http: PATHS,
      auth: { silly: { realm: 'https://auth.example.com/token', service: 'the registry' } },
    },
    scripts: ['silly'],
  },
  {
    name: 'tokens',
    settings: {
      http: PATHS,
      storage: DELETES,
      auth: { token: { ...TOKEN_AUTH, rootcertbundle: '{folder}/root.crt' } },
    },
    scripts: ['token'],
  },
  {
    name: 'TLS',
    settings: {
      http: { relativeurls: false, tls: { certificate: '{folder}/tls.crt', key: '{folder}/tls.key' } },
      storage: DELETES,
    },
    scripts: ['lists', 'locations'],
  },
  {
    name: 'checks that are well',
    settings: {
      http: { ...PATHS, debug: { addr: '127.0.0.1:{debug}' } },
      health: {
        storagedriver: { enabled: true, interval: '100ms', threshold: 1 },
        file: [{ file: '{folder}/closed', interval: '100ms' }],
        http: [{ uri: 'http://127.0.0.1:{neighbour}/', interval: '100ms' }],
        tcp: [{ addr: '127.0.0.1:{neighbour}', interval: '100ms' }],
      },
    },
    scripts: ['well'],
  },
  {
    name: 'checks that fail',
    settings: {
      http: { ...PATHS, debug: { addr: '127.0.0.1:{debug}' } },
      health: {
        file: [{ file: '{folder}/closed', interval: '100ms' }],
        http: [{ uri: 'http://127.0.0.1:{neighbour}/', interval: '100ms' }],
        tcp: [{ addr: '127.0.0.1:{neighbour}', interval: '100ms' }],
      },
    },
    fallsIll: true,
    scripts: ['ill'],
  },
  {
    name: 'a name of its own, and paths',
    settings: { http: { ...PATHS, host: 'https://registry.example.com' } },
    scripts: ['locations'],
  },
]
