/** The first lines that a person sees when Berth has started: where it is, who may do what, and what to try. */
import type { Config, ListenAddress } from '../config/config.ts'
import { formatAddress } from '../http/address.ts'
import { type Example, formatExamples } from './help.ts'
import { describeRights } from './rights.ts'

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
  const { isOpen, sentence } = describeRights(config)
  return `
  ${bold(`Berth ${version} is running`)}

  Address  ${host === null ? facts.url : `http://${host}`}${describeReach(config)}
  Data     ${describeData(config)}
  Access   ${isOpen ? `${loud('OPEN TO EVERYONE')} who can reach this address: ${sentence}` : sentence}

  Try it from another terminal
${formatExamples(host === null ? [] : thingsToTry(host, program, isOpen)).replace(/^/gm, '  ')}

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

function thingsToTry(host: string, program: string, isOpen: boolean): Example[] {
  const url = host === 'localhost:5000' ? '' : ` --url http://${host}`
  const first = isOpen
    ? { command: `${program} demo${url}`, effect: 'push a tiny image that Berth brings along' }
    : { command: `docker login ${host}`, effect: 'say who you are' }
  return [
    first,
    { command: 'docker pull busybox', effect: 'get an image from elsewhere' },
    { command: `docker tag busybox ${host}/busybox`, effect: 'give it a name in this registry' },
    { command: `docker push ${host}/busybox`, effect: 'push it' },
    { command: `docker pull ${host}/busybox`, effect: 'and get it back' },
  ]
}
