/** The first lines that a person sees when Berth has started: where it is, who may do what, and what to try. */
import type { Config, ListenAddress } from '../config/config.ts'
import { formatAddress, isWildcard } from '../http/address.ts'
import { type Example, formatExamples } from './help.ts'
import { plainHttpHint, type Surroundings } from './reach.ts'
import { describeRights } from './rights.ts'
import { fetchCommand, type Trust, trustSteps } from './trust.ts'

export interface BannerFacts {
  readonly config: Config
  readonly version: string
  /** Where the server listens. */
  readonly url: string
  readonly hasColor: boolean
  /** What to type to run this program. */
  readonly program: string
  readonly surroundings: Surroundings
  /** How clients come to trust its certificate; null where they need nothing from us. */
  readonly trust: Trust | null
}

export function formatBanner(facts: BannerFacts): string {
  const { config, version, program, hasColor } = facts
  const bold = (text: string) => (hasColor ? `\x1b[1m${text}\x1b[0m` : text)
  const loud = (text: string) => (hasColor ? `\x1b[1;33m${text}\x1b[0m` : text)
  const host = localHost(config.http.address)
  const scheme = config.http.tls === null ? 'http' : 'https'
  const { isOpen, sentence } = describeRights(config)
  return `
  ${bold(`Berth ${version} is running`)}

  Address  ${host === null ? facts.url : `${scheme}://${host}`}${describeReach(config)}
  Data     ${describeData(config)}
  Access   ${isOpen ? `${loud('OPEN TO EVERYONE')} who can reach this address: ${sentence}` : sentence}
${describeTls(facts)}
  Try it from another terminal
${formatExamples(host === null ? [] : thingsToTry(config, host, program)).replace(/^/gm, '  ')}

  Ctrl-C stops it, and lets requests in flight finish.

`
}

/** What a person on this machine types before an image's name. Null for a Unix socket. */
function localHost(address: ListenAddress): string | null {
  if (address.kind === 'unix') return null
  const isHere = isWildcard(address) || ['127.0.0.1', '::1', 'localhost'].includes(address.hostname)
  return isHere ? `localhost:${address.port}` : formatAddress(address)
}

function describeReach({ http }: Config): string {
  const isEverywhere = http.address.kind === 'tcp' && isWildcard(http.address)
  return isEverywhere ? ', and every other address of this machine' : ''
}

/** Either how to trust the certificate, or what there is to know without one. */
function describeTls({ config, surroundings, program, trust }: BannerFacts): string {
  if (trust !== null) return describeTrust(trust)
  const hint = plainHttpHint(config.http, surroundings, program)
  return hint === null ? '' : `\n  ${hint}\n`
}

function describeTrust(trust: Trust): string {
  const steps = trustSteps(trust).map(({ title, command }) => `    ${title.padEnd(12)}${command}`)
  return `
  Clients must trust the authority that Berth has made: ${trust.path}
  SHA-256 fingerprint ${trust.fingerprint}
${steps.join('\n')}
  On another machine, fetch it first, compare the fingerprint, and use ca.crt in place of that path
    ${fetchCommand(trust)}
`
}

function describeData({ storage, database }: Config): string {
  const facts = database.kind === 'postgres' ? 'PostgreSQL' : 'SQLite'
  if (storage.driver.kind === 'memory') return 'in memory: everything is gone when Berth stops'
  return `${storage.driver.root} (files and ${facts})`
}

/** The demo trusts no certificate of ours. */
function firstThingToTry(config: Config, host: string, program: string): Example[] {
  const url = host === 'localhost:5000' ? '' : ` --url http://${host}`
  if (!describeRights(config).isOpen) return [{ command: `docker login ${host}`, effect: 'say who you are' }]
  if (config.http.tls !== null) return []
  return [{ command: `${program} demo${url}`, effect: 'push a tiny image that Berth brings along' }]
}

function thingsToTry(config: Config, host: string, program: string): Example[] {
  return [
    ...firstThingToTry(config, host, program),
    { command: 'docker pull busybox', effect: 'get an image from elsewhere' },
    { command: `docker tag busybox ${host}/busybox`, effect: 'give it a name in this registry' },
    { command: `docker push ${host}/busybox`, effect: 'push it' },
    { command: `docker pull ${host}/busybox`, effect: 'and get it back' },
  ]
}
