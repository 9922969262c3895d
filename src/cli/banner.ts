/** The first lines that a person sees when Berth has started: where it is, who may do what, and what to try. */
import type { Config, ListenAddress } from '../config/config.ts'
import { formatAddress } from '../http/address.ts'
import { type Example, formatExamples } from './help.ts'

export interface BannerFacts {
  readonly config: Config
  readonly version: string
  /** Where the server listens. */
  readonly url: string
  readonly hasColor: boolean
  /** What to type to run this program. */
  readonly program: string
}

export function formatBanner(facts: BannerFacts): string {
  const { config, version, program, hasColor } = facts
  const bold = (text: string) => (hasColor ? `\x1b[1m${text}\x1b[0m` : text)
  const loud = (text: string) => (hasColor ? `\x1b[1;33m${text}\x1b[0m` : text)
  const host = localHost(config.http.address)
  return `
  ${bold(`Berth ${version} is running`)}

  Address  ${host === null ? facts.url : `http://${host}`}${describeReach(config)}
  Data     ${describeData(config)}
  Access   ${loud('OPEN TO EVERYONE')} who can reach this address: ${describeRights(config)}, without a login

  Try it from another terminal
${formatExamples(host === null ? [] : thingsToTry(host, program)).replace(/^/gm, '  ')}

  Ctrl-C stops it, and lets requests in flight finish.

`
}

/** What a person on this machine types before an image's name. Null for a Unix socket. */
function localHost(address: ListenAddress): string | null {
  if (address.kind === 'unix') return null
  const isHere = ['::', '0.0.0.0', '127.0.0.1', '::1', 'localhost'].includes(address.hostname)
  return isHere ? `localhost:${address.port}` : formatAddress(address)
}

function describeReach({ http }: Config): string {
  const isEverywhere = http.address.kind === 'tcp' && ['::', '0.0.0.0'].includes(http.address.hostname)
  return isEverywhere ? ', and every other address of this machine' : ''
}

function describeData({ storage, database }: Config): string {
  const facts = database.kind === 'postgres' ? 'PostgreSQL' : 'SQLite'
  if (storage.driver.kind === 'memory') return 'in memory: everything is gone when Berth stops'
  return `${storage.driver.root} (files and ${facts})`
}

/** What anybody may do as long as there are no accounts. */
export function describeRights({ storage }: Config): string {
  return storage.deleteEnabled
    ? 'anybody may pull, push, overwrite and delete'
    : 'anybody may pull, push and overwrite'
}

function thingsToTry(host: string, program: string): Example[] {
  const url = host === 'localhost:5000' ? '' : ` --url http://${host}`
  return [
    { command: `${program} demo${url}`, effect: 'push a tiny image that Berth brings along' },
    { command: 'docker pull busybox', effect: 'get an image from elsewhere' },
    { command: `docker tag busybox ${host}/busybox`, effect: 'give it a name in this registry' },
    { command: `docker push ${host}/busybox`, effect: 'push it' },
    { command: `docker pull ${host}/busybox`, effect: 'and get it back' },
  ]
}
