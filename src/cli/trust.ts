/** How clients come to trust the authority of `--tls auto`: commands with real values, for this machine and for others. */

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { authorityCertificatePath } from '../app/local-certificate.ts'
import type { Config } from '../config/config.ts'
import { shellWord } from '../lib/shell-word.ts'
import { hostForOthers, type Surroundings } from './reach.ts'

export interface Trust {
  /** What stands before an image's name. */
  readonly host: string
  /** Where the authority's certificate lies. */
  readonly path: string
  /** SHA-256, as openssl prints it. */
  readonly fingerprint: string
}

export interface TrustStep {
  readonly title: string
  readonly command: string
}

/** Null where clients need nothing from us. */
export async function findTrust(
  { http, storage }: Config,
  surroundings: Surroundings,
): Promise<Trust | null> {
  if (http.tls?.kind !== 'auto' || storage.driver.kind !== 'filesystem') return null
  const path = authorityCertificatePath(storage.driver.root)
  const { fingerprint256 } = new X509Certificate(await readFile(path))
  return { host: hostForOthers(http, surroundings) ?? localHost(http), path, fingerprint: fingerprint256 }
}

/**
 * One for each client, on the machine where the server runs. containerd looks there where its `config_path` says so, and
 * takes Docker's names of files where there is no hosts.toml.
 */
export function trustSteps({ host, path }: Trust): TrustStep[] {
  const install = (folder: string) => `sudo install -D -m 644 ${shellWord(path)} ${folder}/${host}/ca.crt`
  return [
    { title: 'Docker', command: install('/etc/docker/certs.d') },
    { title: 'Podman', command: install('/etc/containers/certs.d') },
    { title: 'containerd', command: install('/etc/containerd/certs.d') },
  ]
}

/**
 * Fetches the authority's certificate, the last of those that the server shows, and shows its fingerprint to compare.
 * Without double quotes and backslashes, which log lines would escape.
 */
export function fetchCommand({ host }: Trust): string {
  return (
    `openssl s_client -connect ${withPort(host)} -showcerts </dev/null 2>/dev/null | ` +
    "awk '/BEGIN CERT/{c=0} {l[c++]=$0} /END CERT/{n=c} END{for(i=0;i<n;i++)print l[i]}' > ca.crt; " +
    'openssl x509 -in ca.crt -noout -fingerprint -sha256'
  )
}

function localHost({ address }: Config['http']): string {
  return address.kind === 'unix' ? 'localhost' : `localhost:${address.port}`
}

/** The port of https is left out where it is written, but openssl wants it. */
function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:443`
}
