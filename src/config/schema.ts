/**
 * Every setting there is, by its place in the YAML file: those of registry:2's and registry:3's v0.1 file under
 * their names, and Berth's own under `berth`. From this follow the types, the checks, the variables, what is
 * suggested for a mistyped key, and the JSON Schema for editors. A new setting stands here and in build.ts.
 */
import { z } from 'zod'
import { LOG_FORMATS, LOG_LEVELS } from './config.ts'
import { collectionSection, trashSection, unsafeShortGrace } from './schema-collection.ts'
import { authSection, healthSection, httpSection } from './schema-http.ts'
import { scrubSection } from './schema-scrub.ts'
import { storageSection } from './schema-storage.ts'
import { required, section, setting, unread } from './setting.ts'
import {
  boolean,
  duration,
  listOf,
  oneOf,
  path,
  pattern,
  postgresUrl,
  scalarOrJson,
  text,
  wholeNumber,
  workers,
  written,
} from './values.ts'

const logSection = section({
  level: setting(oneOf(LOG_LEVELS), { about: 'the least that is logged', byDefault: 'info' }),
  formatter: setting(oneOf(['text', 'json', 'logstash']), {
    about: 'the form of log lines; berth.log.format overrules it',
    byDefault: 'text, and for people on a terminal',
  }),
  fields: setting(z.record(z.string(), scalarOrJson), {
    about: 'stands on every log line',
    byDefault: 'nothing',
  }),
  accesslog: section({
    disabled: setting(boolean, { about: 'no line for each request', byDefault: 'false' }),
  }),
  reportcaller: setting(boolean, {
    about: "names the line of Go's source",
    unneeded: 'Berth has no such lines to name',
  }),
  hooks: unread({
    about: 'mails log lines',
    ignored: 'Berth sends no mails. Let whatever reads the log (journald, a log collector) raise the alarm',
  }),
})

/** registry:2 takes any number; a page of more names than build.ts allows would hold up everybody. */
const MOST_WRITTEN = Number.MAX_SAFE_INTEGER

const platform = z.strictObject({
  architecture: required(text, { about: 'such as amd64' }),
  os: required(text, { about: 'such as linux' }),
})

const validationSection = section({
  enabled: setting(boolean, { about: 'the older form of disabled', byDefault: 'true' }),
  disabled: setting(boolean, { about: 'checks neither foreign addresses nor platforms', byDefault: 'false' }),
  manifests: section({
    urls: section({
      allow: setting(listOf(pattern), {
        about: 'what addresses of foreign layers must look like',
        byDefault: 'any, where neither allow nor deny is written',
      }),
      deny: setting(listOf(pattern), { about: 'and what they must not look like', byDefault: 'nothing' }),
    }),
    indexes: section({
      platforms: setting(oneOf(['all', 'none', 'list']), {
        about: 'which images of an index must be there when it is pushed',
        byDefault: 'none',
      }),
      platformlist: setting(z.array(platform), { about: 'those, with platforms: list', byDefault: 'none' }),
    }),
  }),
})

const berthSection = section({
  database: section({
    url: setting(postgresUrl, {
      about: 'PostgreSQL for facts, postgres://…',
      byDefault: 'SQLite',
      isSecret: true,
    }),
    path: setting(path, { about: "SQLite's file", byDefault: '<data>/berth/berth.db' }),
    connections: setting(wholeNumber(2, 10_000), {
      about: 'connections to PostgreSQL, all workers together',
      byDefault: '20, or 2 a worker',
    }),
  }),
  workers: setting(workers, {
    about: 'processes that answer requests; auto for one per core',
    byDefault: '1',
  }),
  log: section({
    format: setting(oneOf(['auto', ...LOG_FORMATS]), {
      about: 'the form of log lines; pretty is for people',
      byDefault: 'auto',
    }),
    accessLog: setting(boolean, { about: 'a line for each request', byDefault: 'true' }),
  }),
  uploads: section({
    expireAfter: setting(duration, { about: 'how long an upload may lie idle', byDefault: '7d' }),
  }),
  backup: section({
    enabled: setting(boolean, { about: 'backs up the metadata by itself', byDefault: 'true' }),
    every: setting(duration, { about: 'how often', byDefault: '1h' }),
    keep: setting(wholeNumber(1, 10_000), { about: 'so many of the newest stay', byDefault: '6' }),
    keepDays: setting(wholeNumber(0, 10_000), {
      about: 'and of so many days the last one of each',
      byDefault: '7',
    }),
    folder: setting(path, {
      about: 'where; best on another disk',
      byDefault: '<data>/berth/backups',
    }),
  }),
  manifests: section({
    allowMissing: setting(boolean, {
      about: 'takes an image before its layers (sparse manifests)',
      byDefault: 'false',
    }),
  }),
  collection: collectionSection,
  scrub: scrubSection,
  trash: trashSection,
  unsafeShortGrace,
  tls: setting(oneOf(['auto']), {
    about: 'auto: a certificate for this machine, of an authority that is kept in the data folder',
    byDefault: 'what http.tls says',
  }),
  shutdownGrace: setting(duration, { about: 'how long requests may take to end at a stop', byDefault: '8s' }),
})

function reporting(service: string) {
  return unread({
    about: `reports errors to ${service}`,
    ignored: `Berth does not report to ${service}. Its log and its metrics (http.debug.prometheus) say the same`,
  })
}

/** registry:2 brings none along: whoever names one has made it, perhaps to keep somebody out. */
function otherMiddleware(what: string) {
  return unread({
    about: `a program of somebody else's around ${what}`,
    refused:
      'Berth has no middleware, and this one might keep somebody out. Remove it, if you can do without',
  })
}

export const settingsSchema = z.strictObject({
  version: setting(
    written('the only version of this file is 0.1', ['string', 'number'], (value) =>
      value === '0.1' ? value : null,
    ),
    { about: "the file is registry:2's or registry:3's", byDefault: "none: Berth's own defaults" },
  ),
  loglevel: setting(oneOf(LOG_LEVELS), { about: 'the older form of log.level', byDefault: 'info' }),
  log: logSection,
  storage: storageSection,
  auth: authSection,
  http: httpSection,
  health: healthSection,
  validation: validationSection,
  policy: section({
    repository: section({
      classes: setting(listOf(oneOf(['image', 'plugin'])), {
        about: 'what may be pushed',
        byDefault: 'anything',
      }),
    }),
  }),
  catalog: section({
    maxentries: setting(wholeNumber(1, MOST_WRITTEN), {
      about: 'the most names of a page of _catalog; above 100000 counts as that',
      byDefault: '1000',
    }),
  }),
  tags: section({
    maxtags: setting(wholeNumber(1, MOST_WRITTEN), {
      about: 'the most names of a page of tags/list; above 100000 counts as that',
      byDefault: '10000',
    }),
  }),
  middleware: section({
    registry: otherMiddleware('registry'),
    repository: otherMiddleware('repositories'),
    storage: unread({
      about: 'cloudfront, redirect, rewrite: sends clients elsewhere for blobs',
      ignored: 'Berth has no middleware, and sends blobs itself. Put a CDN in front of it instead',
    }),
  }),
  notifications: unread({
    about: 'tells other programs of pushes and pulls',
    ignored: 'Berth sends no notifications yet. Programs that wait for them must ask for tags/list meanwhile',
  }),
  redis: unread({
    about: 'a cache of descriptors that several registries share',
    ignored:
      'Berth needs no cache beside its database; several processes share that one (berth.database.url)',
  }),
  proxy: unread({
    about: 'a mirror of another registry',
    refused:
      'Berth cannot be a mirror yet, and without it would take pushes that a mirror refuses. Keep registry:2 for this one',
  }),
  reporting: section({ bugsnag: reporting('Bugsnag'), newrelic: reporting('New Relic') }),
  compatibility: section({
    schema1: unread({
      about: 'manifests of schema 1',
      ignored:
        'schema 1 is gone from every client since 2019. Push such images once more with a newer client',
    }),
  }),
  berth: berthSection,
})

export type Settings = z.output<typeof settingsSchema>
