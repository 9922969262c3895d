/** The settings of `http`, `auth` and `health`: how clients reach the registry, who they are, and when to turn them away. */
import { z } from 'zod'
import { parseHeaderFields } from '../lib/header-fields.ts'
import { required, section, setting, unread } from './setting.ts'
import {
  address,
  boolean,
  goDurationOrNone,
  headerName,
  headerValue,
  host,
  hostAndPort,
  httpUrl,
  listOf,
  networks,
  oneOf,
  path,
  prefix,
  problemWith,
  text,
  urlPath,
  wholeNumber,
} from './values.ts'

const headers = z.record(headerName, listOf(headerValue)).superRefine((value, context) => {
  const problem = problemWith(() => parseHeaderFields(value))
  if (problem !== null) context.addIssue({ code: 'custom', message: problem })
})

const tlsSection = section({
  certificate: setting(path, { about: 'a PEM file with the certificate and its chain', byDefault: 'no TLS' }),
  key: setting(path, { about: 'a PEM file with its private key', byDefault: 'no TLS' }),
  clientcas: setting(listOf(path), {
    about: 'PEM files of authorities that clients must have a certificate of',
    byDefault: 'none: no client needs one',
  }),
  clientauth: setting(
    oneOf([
      'request-client-cert',
      'require-any-client-cert',
      'verify-client-cert-if-given',
      'require-and-verify-client-cert',
    ]),
    { about: 'what is asked of clients, with clientcas', byDefault: 'require-and-verify-client-cert' },
  ),
  minimumtls: setting(oneOf(['tls1.0', 'tls1.1', 'tls1.2', 'tls1.3']), {
    about: 'the oldest TLS that is spoken; never below tls1.2',
    byDefault: 'tls1.2',
  }),
  ciphersuites: setting(listOf(text), { about: "which ciphers, by Go's names", byDefault: 'the usual ones' }),
  letsencrypt: unread({
    about: 'certificates of Let’s Encrypt',
    refused:
      'Berth cannot ask Let’s Encrypt yet, and does not serve without the TLS that you want. Let certbot or a proxy such as Caddy get the certificate',
  }),
})

export const httpSection = section({
  addr: setting(address, { about: 'where it listens', byDefault: ':5000' }),
  net: setting(oneOf(['tcp', 'unix']), {
    about: 'what addr is; unix for the path of a socket',
    byDefault: 'tcp',
  }),
  host: setting(host, {
    about: 'what clients call this registry, for whole addresses in Location',
    byDefault: 'none: Location is a path',
  }),
  prefix: setting(prefix, { about: 'what stands before /v2/', byDefault: '/' }),
  secret: setting(text, {
    about: 'signs the state of uploads',
    isSecret: true,
    unneeded: 'Berth keeps uploads in its database, so there is nothing to sign',
  }),
  relativeurls: setting(boolean, {
    about: 'whether Location is a path, where host is not set',
    byDefault: 'true',
  }),
  draintimeout: setting(goDurationOrNone, {
    about:
      'how long requests may take to end at a stop; 0 counts as not set; berth.shutdownGrace overrules it',
    byDefault: '8s',
  }),
  trustedproxies: setting(listOf(networks), {
    about: 'addresses and networks whose X-Forwarded-* and Forwarded are believed',
    byDefault: 'loopback, private and link-local ones',
  }),
  headers: setting(headers, { about: 'on every reply', byDefault: 'none' }),
  tls: tlsSection,
  debug: section({
    addr: setting(address, { about: 'where health and metrics are served', byDefault: 'nowhere' }),
    prometheus: section({
      enabled: setting(boolean, { about: 'serves metrics there', byDefault: 'false' }),
      path: setting(urlPath, { about: 'the path of the metrics', byDefault: '/metrics' }),
    }),
  }),
  http2: section({
    disabled: setting(boolean, { about: 'speaks HTTP/1.1 only over TLS', byDefault: 'false' }),
  }),
  h2c: section({ enabled: setting(boolean, { about: 'HTTP/2 without TLS', byDefault: 'false' }) }),
})

/** Those of HS256 and its like need a secret in the key set, which can sign too: a public key is never taken for one. */
const SIGNING_ALGORITHMS = [
  'EdDSA',
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const

const realm = setting(text, { about: 'what the login is for, as browsers show it' })
const service = setting(text, { about: 'the name of this registry in tokens' })

export const authSection = section({
  none: setting(z.unknown(), { about: 'everybody may do everything' }),
  silly: section({ realm, service }, { about: 'any Authorization header is enough; for tests' }),
  htpasswd: section(
    {
      realm: setting(text, { about: 'what the login is for, as browsers show it', byDefault: 'Registry' }),
      path: setting(path, { about: 'the password file, bcrypt only' }),
    },
    { about: 'every user of a password file may do everything' },
  ),
  token: section(
    {
      realm: setting(httpUrl, { about: 'where clients get tokens; not with autoredirect' }),
      service,
      issuer: setting(text, { about: 'who signs the tokens' }),
      rootcertbundle: setting(path, { about: 'a PEM file of certificates that sign tokens' }),
      jwks: setting(path, { about: 'a file or URL of keys that sign tokens' }),
      autoredirect: setting(boolean, { about: 'the realm is this server itself', byDefault: 'false' }),
      autoredirectpath: setting(urlPath, { about: 'and this the path of it', byDefault: '/auth/token' }),
      signingalgorithms: setting(listOf(oneOf(SIGNING_ALGORITHMS)), {
        about: 'which signatures count: EdDSA, or HS, RS, ES or PS with 256, 384 or 512',
        byDefault: 'all of them',
      }),
    },
    { about: 'tokens of another server' },
  ),
})

const repeated = {
  interval: setting(goDurationOrNone, { about: 'how often; 0 counts as not set', byDefault: '10s' }),
  threshold: setting(wholeNumber(0, 1_000_000), { about: 'failures in a row that count', byDefault: '1' }),
}
const timeout = setting(goDurationOrNone, {
  about: 'how long to wait for an answer; 0 counts as not set',
  byDefault: '5s',
})

export const healthSection = section({
  storagedriver: section({
    enabled: setting(boolean, { about: 'looks at the storage', byDefault: 'false' }),
    ...repeated,
  }),
  file: setting(
    z.array(
      z.strictObject({
        file: required(path, { about: 'unhealthy while it exists' }),
        interval: repeated.interval,
        threshold: setting(wholeNumber(0, 1_000_000), {
          about: 'looks in a row that count',
          unneeded: 'one look is enough to see that a file is there',
        }),
      }),
    ),
    { about: 'files that switch the registry off', byDefault: 'none', goName: 'FILECHECKERS' },
  ),
  http: setting(
    z.array(
      z.strictObject({
        uri: required(httpUrl, { about: 'what to ask' }),
        headers: setting(headers, { about: 'to send along', isSecret: true }),
        statuscode: setting(wholeNumber(100, 599), { about: 'the healthy answer', byDefault: '200' }),
        timeout,
        ...repeated,
      }),
    ),
    { about: 'addresses that must answer', byDefault: 'none', goName: 'HTTPCHECKERS' },
  ),
  tcp: setting(
    z.array(z.strictObject({ addr: required(hostAndPort, { about: 'host:port' }), timeout, ...repeated })),
    { about: 'addresses that must take a connection', byDefault: 'none', goName: 'TCPCHECKERS' },
  ),
})

/** Who may come in: one of these counts. */
export const AUTH_KINDS: readonly string[] = ['none', 'silly', 'htpasswd', 'token']
