/** Settings that are right each by itself, but not together; and those that work, but perhaps not as their writer thinks. */

import { LEAST_CONNECTIONS, LONGEST_PAGE } from './build.ts'
import { findCollectionContradictions, shortTimesDoubt } from './build-collection.ts'
import type { Config } from './config.ts'
import type { Draft } from './draft.ts'

/** One sentence for each. */
export function findContradictions(config: Config, given: Draft): string[] {
  const say = wordsOf(given)
  const { database, http, workers, storage } = config
  const connections = say('berth.database.connections')
  const [url, path] = [say('berth.database.url'), say('berth.database.path')]
  const least = workers * LEAST_CONNECTIONS
  const hasMany = workers > 1
  return [
    connections !== null &&
      database.kind === 'sqlite' &&
      `${connections} is for PostgreSQL, and SQLite is used. Remove it, or set berth.database.url.`,
    database.kind === 'postgres' &&
      database.connections < least &&
      `${connections} is ${database.connections}, but ${workers} workers need at least ${least}, ${LEAST_CONNECTIONS} each.`,
    url !== null && path !== null && `${url} means PostgreSQL and ${path} means SQLite. Keep one.`,
    hasMany &&
      storage.driver.kind === 'memory' &&
      `${say('berth.workers')}: storage in memory works with one worker only.`,
    hasMany &&
      http.address.kind === 'unix' &&
      `${say('berth.workers')}: a Unix socket works with one worker only.`,
    say('berth.tls') !== null &&
      storage.driver.kind === 'memory' &&
      `${say('berth.tls')} keeps its authority in the data folder, and storage in memory has none. Use a folder, or files (http.tls.certificate).`,
    ...tlsContradictions(given),
    ...addressContradictions(config, given),
    ...findCollectionContradictions(config, say),
  ].filter((problem) => problem !== false)
}

function tlsContradictions(given: Draft): (string | false)[] {
  const say = wordsOf(given)
  const [certificate, key] = [say('http.tls.certificate'), say('http.tls.key')]
  const others = ['clientcas', 'minimumtls', 'ciphersuites'].map((name) => say(`http.tls.${name}`))
  const [other = null] = others.filter((words) => words !== null)
  const mode = given.get(['http', 'tls', 'clientauth'])
  const auto = say('berth.tls')
  if (auto !== null && certificate !== null)
    return [`${auto} makes a certificate, and ${certificate} names one. Keep one of the two.`]
  return [
    certificate !== null && key === null && `${certificate} needs a key: write http.tls.key too.`,
    certificate === null && key !== null && `${key} needs a certificate: write http.tls.certificate too.`,
    auto !== null &&
      other !== null &&
      `${other} does not go with ${auto}, which serves every client alike. Write http.tls.certificate and http.tls.key instead of ${auto}, or remove ${other}.`,
    certificate === null &&
      key === null &&
      auto === null &&
      other !== null &&
      `${other} asks for TLS, but there is no certificate: write http.tls.certificate and http.tls.key.`,
    (mode === 'require-any-client-cert' || mode === 'verify-client-cert-if-given') &&
      `${say('http.tls.clientauth')} is ${JSON.stringify(mode)}: Berth cannot do that safely, for certificates ` +
        'that nobody trusts would pass. Write require-and-verify-client-cert, or request-client-cert.',
  ]
}

function addressContradictions({ http }: Config, given: Draft): (string | false)[] {
  const net = given.get(['http', 'net'])
  const say = wordsOf(given)
  return [
    net === 'unix' &&
      http.address.kind === 'tcp' &&
      `${say('http.net')} is "unix": write the path of the socket in http.addr.`,
    net === 'tcp' &&
      http.address.kind === 'unix' &&
      `${say('http.net')} is "tcp", and ${say('http.addr')} a path. Write host:port, or net: unix.`,
  ]
}

/** One sentence for each. */
export function findDoubts({ storage, database, http }: Config, given: Draft): string[] {
  const say = wordsOf(given)
  const isKept = database.kind === 'postgres' || database.path !== null
  const oldest = given.get(['http', 'tls', 'minimumtls'])
  return [
    shortTimesDoubt(given),
    storage.driver.kind === 'memory' &&
      isKept &&
      'Storage in memory is gone when Berth stops, but the database stays, and will then list images that nobody can pull. ' +
        'Use it for tests only, each time with an empty database.',
    (oldest === 'tls1.0' || oldest === 'tls1.1') &&
      `${say('http.tls.minimumtls')} is "${oldest}", but Berth speaks TLS 1.2 at least. Write tls1.2 or tls1.3.`,
    say('http.debug.prometheus') !== null &&
      say('http.debug.addr') === null &&
      `${say('http.debug.prometheus')} has no effect without http.debug.addr: write where the debug server listens.`,
    say('http.debug.addr') !== null &&
      http.debug === null &&
      `${say('http.debug.addr')} is where the registry itself listens (http.addr), so there is no debug server. ` +
        'Give it another port if you want one: REGISTRY_HTTP_DEBUG_ADDR=:5002',
    say('http.tls.clientauth') !== null &&
      say('http.tls.clientcas') === null &&
      `${say('http.tls.clientauth')} has no effect without http.tls.clientcas.`,
    ...['catalog.maxentries', 'tags.maxtags'].map(
      (name) =>
        Number(given.get(name.split('.'))) > LONGEST_PAGE &&
        `${say(name)} is ${given.get(name.split('.'))}, but a page has ${LONGEST_PAGE} names at most. Clients ask for the next one.`,
    ),
  ].filter((doubt) => doubt !== false)
}

/** A setting, and the one of registry:2 that says less. */
const OVERRULED = [
  ['berth.log.format', 'log.formatter'],
  ['berth.log.accessLog', 'log.accesslog.disabled'],
  ['berth.uploads.expireAfter', 'storage.maintenance.uploadpurging.age'],
  ['berth.shutdownGrace', 'http.draintimeout'],
  ['log.level', 'loglevel'],
] as const

/** One sentence for each setting that another one overrules. */
export function findOverruled(given: Draft): string[] {
  const say = wordsOf(given)
  return OVERRULED.map((pair) => pair.map(say)).flatMap(([winner, other]) =>
    winner === null || other === null ? [] : [`${other} has no effect: ${winner} overrules it.`],
  )
}

/** Where a setting was given, in words; null where it was not. */
function wordsOf(given: Draft): (name: string) => string | null {
  return (name) => {
    const place = name.split('.')
    return given.get(place) === undefined ? null : (given.originOf(place)?.origin.words ?? name)
  }
}
