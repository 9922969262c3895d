/** The certificates that the configuration names, for a process that listens, and what is to be said about them. */
import type { TlsConfig } from '../config/config.ts'
import type { RunningServer } from '../http/server.ts'
import type { TlsOptions } from '../http/tls.ts'
import type { Log } from '../observability/log.ts'
import type { Reloadable } from './reload.ts'
import { ServedCertificates } from './served-certificates.ts'

export interface OpenedCertificates {
  /** What the server begins with; nothing for plain HTTP. */
  readonly tls: { readonly tls?: TlsOptions }
  readonly reloadables: readonly Reloadable[]
  /** From now on what changes in the files reaches this server, until the closers run. */
  follow(server: RunningServer, closers: AsyncDisposableStack): void
}

/** Throws TlsUnusable. */
export function openCertificates(tls: TlsConfig | null, log: Log): OpenedCertificates {
  if (tls === null) return { tls: {}, reloadables: [], follow() {} }
  const certificates = new ServedCertificates(filesOf(tls), log)
  return {
    tls: { tls: certificates.tls },
    reloadables: [certificates],
    follow(server, closers) {
      certificates.follow(server)
      closers.defer(() => certificates.stop())
    },
  }
}

/** Once, before any process of this server listens: tells the operator what is wrong. Throws TlsUnusable. */
export function checkCertificates(tls: TlsConfig | null, log: Log): void {
  if (tls?.kind !== 'files') return
  for (const complaint of new ServedCertificates(tls, log).complaints()) log.warn({}, complaint)
}

function filesOf(tls: TlsConfig): Extract<TlsConfig, { kind: 'files' }> {
  if (tls.kind === 'files') return tls
  throw new Error('the local certificate is made before anybody listens')
}
