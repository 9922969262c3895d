/** Asks a registry as any client does: with a login where one is given, and trusting whom it is told to. */
import { codeOf } from '../../lib/thrown.ts'
import { EXIT, Failure } from '../failure.ts'
import { programName } from '../help.ts'

export interface RegistryClient {
  /** Without a slash at its end. */
  readonly url: string
  readonly login: { readonly user: string; readonly password: string } | null
  /** Certificates in PEM of those who may sign the registry's; null for those that everybody trusts. */
  readonly authorities: readonly string[] | null
}

/** Throws Failure with what to do where there is no registry, none that is trusted, or none that lets this user in. */
export async function requireRegistry(client: RegistryClient): Promise<void> {
  const response = await request(client, '/v2/', {})
  if (response.ok) return
  if (response.status === 401) throw new Failure(EXIT.FAILED, describeRefusal(client))
  throw new Failure(
    EXIT.UNAVAILABLE,
    `What answers at ${client.url} is no registry (GET /v2/ gave ${response.status}). Name the right address with --url.`,
  )
}

/** Throws Failure where no answer comes. */
export async function request(
  { url, login, authorities }: RegistryClient,
  path: string,
  init: RequestInit,
): Promise<Response> {
  const headers = new Headers(init.headers)
  if (login !== null) headers.set('authorization', `Basic ${encoded(`${login.user}:${login.password}`)}`)
  const tls = authorities === null ? {} : { tls: { ca: [...authorities] } }
  try {
    return await fetch(url + path, { redirect: 'manual', ...init, ...tls, headers })
  } catch (error) {
    throw new Failure(EXIT.UNAVAILABLE, describeSilence(url, error), { cause: error })
  }
}

function describeRefusal({ url, login }: RegistryClient): string {
  return login === null
    ? `The registry at ${url} asks for a login. Name a user with --user; the password is then asked for, or read from standard input.`
    : `The registry at ${url} does not let ${login.user} in with this password. Where a token server gives it out, push with a client such as docker.`
}

function describeSilence(url: string, error: unknown): string {
  const code = codeOf(error) ?? ''
  if (ABOUT_CERTIFICATES.test(code)) {
    return `The certificate at ${url} is not trusted (${code}). Name the file of the authority that signed it: --ca-file ca.crt`
  }
  if (NOBODY_THERE.test(code)) {
    return `Nothing answers at ${url}. Start the registry in another terminal (${programName()} serve), or name its address with --url.`
  }
  return `What answers at ${url} does not speak ${new URL(url).protocol.slice(0, -1).toUpperCase()} (${code}). Name the right address with --url: https:// where it has TLS, http:// where not.`
}

/** As OpenSSL and Bun call them: `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`. */
const ABOUT_CERTIFICATES = /CERT|UNABLE_TO_VERIFY/
const NOBODY_THERE = /^(ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND|Timeout)/

function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}
