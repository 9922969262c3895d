/**
 * Cipher suites by the names that Go has for them, as `http.tls.ciphersuites` writes them, in the words of Bun's TLS.
 * What it cannot do is refused: a suite that is left out in silence would be another setting than the one asked for.
 */
import type { TlsVersion } from './tls.ts'

/** A suite is unknown, or is one that Bun's TLS does not have. The message names it and says what to write instead. */
export class CipherSuiteRefused extends Error {
  override readonly name = 'CipherSuiteRefused'
}

export interface CipherPlan {
  /** OpenSSL's names with colons between, for TLS 1.2; TLS 1.3 has suites of its own, which cannot be chosen. */
  readonly ciphers: string
  readonly minimumVersion: TlsVersion
  /** What the operator may not expect, as sentences. */
  readonly remarks: readonly string[]
}

/** Those that registry:2 and registry:3 offer where nothing is said: forward secret, and authenticated. */
const USUAL = [
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
]

/** Go's names, by OpenSSL's. */
export const CIPHER_SUITES: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
}

/** Names that Go had before it took those of the standard. */
const EARLIER_NAMES: Readonly<Record<string, string>> = {
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
}

/** Go has them, Bun's TLS does not. */
const MISSING: ReadonlySet<string> = new Set([
  'TLS_RSA_WITH_RC4_128_SHA',
  'TLS_RSA_WITH_AES_128_CBC_SHA256',
  'TLS_ECDHE_ECDSA_WITH_RC4_128_SHA',
  'TLS_ECDHE_RSA_WITH_RC4_128_SHA',
  'TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA',
])

/** Always offered, as in Go. */
const TLS_1_3: ReadonlySet<string> = new Set([
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
])

/** What to tell Bun for these names; null for the usual ones. Throws CipherSuiteRefused. */
export function planCiphers(minimumVersion: TlsVersion, names: readonly string[] | null): CipherPlan {
  if (names === null || names.length === 0)
    return { ciphers: opensslNames(USUAL), minimumVersion, remarks: [] }
  for (const name of names) requireKnown(name)
  const chosen = names.filter((name) => !TLS_1_3.has(name))
  if (minimumVersion === 'tls1.3') {
    return { ciphers: opensslNames(USUAL), minimumVersion, remarks: [IGNORED_AT_1_3] }
  }
  // With suites of TLS 1.3 alone nothing is left for TLS 1.2, which Go then refuses.
  if (chosen.length === 0) {
    return { ciphers: opensslNames(USUAL), minimumVersion: 'tls1.3', remarks: [ONLY_1_3] }
  }
  return { ciphers: opensslNames(chosen), minimumVersion, remarks: namesSomeOf1_3(names) ? [ALWAYS_1_3] : [] }
}

/** Whether any of the suites of TLS 1.2 goes with a key of this type, as node:crypto calls it. */
export function suitKey(names: readonly string[] | null, keyType: string): boolean {
  const kind = keyType.startsWith('rsa') ? '_RSA_' : '_ECDSA_'
  const chosen = (names ?? []).filter((name) => !TLS_1_3.has(name))
  return chosen.length === 0 || chosen.some((name) => name.includes(kind))
}

const IGNORED_AT_1_3 =
  'http.tls.ciphersuites has no effect with http.tls.minimumtls: tls1.3, whose own suites are always all offered.'
const ONLY_1_3 =
  'http.tls.ciphersuites names suites of TLS 1.3 only, so clients with TLS 1.2 are refused, as if http.tls.minimumtls were tls1.3.'
const ALWAYS_1_3 =
  'http.tls.ciphersuites names some suites of TLS 1.3; with that version all of them are offered, as registry:2 does.'

/** Whoever names one or two of the three expects that the others are not offered. */
function namesSomeOf1_3(names: readonly string[]): boolean {
  const named = [...TLS_1_3].filter((name) => names.includes(name)).length
  return named > 0 && named < TLS_1_3.size
}

function requireKnown(name: string): void {
  const known = EARLIER_NAMES[name] ?? name
  if (known in CIPHER_SUITES || TLS_1_3.has(known)) return
  const why = MISSING.has(name)
    ? 'is one that Berth cannot offer (it is broken or out of use)'
    : 'is no cipher suite that Go knows'
  throw new CipherSuiteRefused(
    `http.tls.ciphersuites: ${name} ${why}. Remove it; Berth has ${Object.keys(CIPHER_SUITES).join(', ')}.`,
  )
}

function opensslNames(names: readonly string[]): string {
  return names.map((name) => CIPHER_SUITES[EARLIER_NAMES[name] ?? name]).join(':')
}
