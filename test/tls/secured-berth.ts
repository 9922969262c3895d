/** Berth with a certificate of files that a test may change, in a folder that is gone with it. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, fetchOptions, startBerth } from '../berth-server.ts'
import { type MadeCertificate, makeSelfSigned } from '../certificate-files.ts'

export interface SecuredBerth extends AsyncDisposable {
  readonly berth: BerthServer
  /** The files that it was told of. */
  readonly files: MadeCertificate
  /** For other certificates. */
  readonly folder: string
  /** For Bun's `fetch`: trusts the first certificate. */
  readonly trusting: BunFetchRequestInit
}

export async function startSecuredBerth(
  openssl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<SecuredBerth> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tls-'))
  const files = await makeSelfSigned(openssl, folder, { name: 'served' })
  const first = join(folder, 'first.crt')
  copyFileSync(files.certificate, first)
  const tls = { authority: first }
  const named = { REGISTRY_HTTP_TLS_CERTIFICATE: files.certificate, REGISTRY_HTTP_TLS_KEY: files.key }
  const berth = await startBerth({ env: { ...named, ...env }, tls })
  return {
    berth,
    files,
    folder,
    trusting: fetchOptions(tls),
    async [Symbol.asyncDispose]() {
      await berth[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** As `cp` does it: in place, one file after the other. */
export function putInPlace(from: MadeCertificate, to: MadeCertificate): void {
  copyFileSync(from.certificate, to.certificate)
  copyFileSync(from.key, to.key)
}
