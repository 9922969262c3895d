/**
 * What TLS a server speaks, in our words, and the one place where it becomes Bun's options.
 * Nothing here may end in less than was asked for: what Bun cannot do throws.
 */
import { planCiphers } from './cipher-suites.ts'

export const TLS_VERSIONS = ['tls1.2', 'tls1.3'] as const
export type TlsVersion = (typeof TLS_VERSIONS)[number]

export interface TlsOptions {
  /** The server's own certificate first, then those that lead to its root, as PEM. */
  readonly certificate: string
  /** As PEM, not encrypted. */
  readonly key: string
  readonly client: ClientCertificates | null
  readonly minimumVersion: TlsVersion
  /** Go's names; null for the usual ones. */
  readonly cipherSuites: readonly string[] | null
}

export interface ClientCertificates {
  /** Certificates of those who sign clients' certificates, as PEM; at least one. */
  readonly authorities: string
  /** `request`: asked for, and never checked, as Go's mode of that name; `require`: nobody gets in without a trusted one. */
  readonly mode: 'request' | 'require'
}

/** The numbers that stand for the versions on the wire (RFC 8446 §4.2.1). */
const WIRE_VERSIONS: Readonly<Record<TlsVersion, number>> = { 'tls1.2': 0x0303, 'tls1.3': 0x0304 }

/** Bun heeds it, although its types do not know it. */
interface BunTlsOptions extends Bun.TLSOptions {
  readonly minVersion: number
}

/** Throws CipherSuiteRefused. */
export function toBunTls(options: TlsOptions): BunTlsOptions {
  const { ciphers, minimumVersion } = planCiphers(options.minimumVersion, options.cipherSuites)
  return {
    cert: options.certificate,
    key: options.key,
    ciphers,
    minVersion: WIRE_VERSIONS[minimumVersion],
    ...(options.client === null ? {} : clientOptions(options.client)),
  }
}

function clientOptions({ authorities, mode }: ClientCertificates): Bun.TLSOptions {
  return { ca: authorities, requestCert: true, rejectUnauthorized: mode === 'require' }
}
