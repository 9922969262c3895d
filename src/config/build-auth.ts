/** Makes of the settings of `auth` how people come in. */
import { type AuthConfig, ConfigError } from './config.ts'
import type { Settings } from './schema.ts'

const USUAL_REALM = 'Registry'
const USUAL_REDIRECT = '/auth/token'

type Auth = NonNullable<Settings['auth']>

/** Throws ConfigError where something is missing without which nobody could come in, or everybody. */
export function buildAuth(auth: Settings['auth'] = {}): AuthConfig {
  if (auth.htpasswd !== undefined) return buildHtpasswd(auth.htpasswd)
  if (auth.token !== undefined) return buildToken(auth.token)
  if (auth.silly !== undefined) {
    const { realm, service } = auth.silly
    return {
      kind: 'silly',
      realm: needed(realm, 'auth.silly.realm', 'what the login is for'),
      service: needed(service, 'auth.silly.service', 'the name of this registry'),
    }
  }
  return { kind: 'open' }
}

function buildHtpasswd({ realm, path }: NonNullable<Auth['htpasswd']>): AuthConfig {
  return {
    kind: 'htpasswd',
    realm: realm ?? USUAL_REALM,
    path: needed(path, 'auth.htpasswd.path', 'the password file (it is made if it does not exist)'),
  }
}

function buildToken(token: NonNullable<Auth['token']>): AuthConfig {
  const redirects = token.autoredirect === true
  if (token.rootcertbundle === undefined && token.jwks === undefined) {
    throw new ConfigError([
      'auth.token needs to know the keys that tokens are signed with: write rootcertbundle (certificates) or jwks (a key set), or both.',
    ])
  }
  return {
    kind: 'token',
    realm: redirects ? null : needed(token.realm, 'auth.token.realm', 'the URL where clients get tokens'),
    autoRedirectPath: redirects ? (token.autoredirectpath ?? USUAL_REDIRECT) : null,
    service: needed(token.service, 'auth.token.service', 'the audience of the tokens'),
    issuer: needed(token.issuer, 'auth.token.issuer', 'who issues the tokens'),
    rootCertificates: token.rootcertbundle ?? null,
    jwks: token.jwks ?? null,
    signingAlgorithms: token.signingalgorithms ?? null,
  }
}

function needed(value: string | undefined, name: string, what: string): string {
  if (value !== undefined) return value
  throw new ConfigError([`${name} is missing: write ${what}.`])
}
