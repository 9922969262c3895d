/** Certificates for tests, made by `openssl` as a person makes them. */
import { join } from 'node:path'
import { command } from './tools/command.ts'

export interface MadeCertificate {
  /** Paths of PEM files. */
  readonly certificate: string
  readonly key: string
}

export interface CertificateWish {
  /** What the files are called, and the common name. */
  readonly name: string
  /** As openssl writes them; none for `''`. */
  readonly subjectAltName?: string
  /** `rsa:2048`, `ed25519`, `ed448`, or a curve. */
  readonly key?: string
  readonly days?: number
}

const USUAL_NAMES = 'DNS:localhost,IP:127.0.0.1'

/** A certificate that signs itself: for a server, or as the authority of others. */
export async function makeSelfSigned(
  openssl: string,
  folder: string,
  { name, subjectAltName = USUAL_NAMES, key = 'prime256v1', days = 30 }: CertificateWish,
): Promise<MadeCertificate> {
  const made = pathsIn(folder, name)
  const names = subjectAltName === '' ? [] : ['-addext', `subjectAltName=${subjectAltName}`]
  await command(openssl, [
    ...['req', '-x509', ...keyArguments(key), '-nodes', '-days', String(days), '-subj', `/CN=${name}`],
    ...[...names, '-keyout', made.key, '-out', made.certificate],
  ])
  return made
}

/** A certificate that an authority has signed; `extensions` are lines of an extension file. */
export async function makeSigned(
  openssl: string,
  folder: string,
  authority: MadeCertificate,
  wish: CertificateWish & { readonly extensions?: readonly string[] },
): Promise<MadeCertificate> {
  const made = pathsIn(folder, wish.name)
  const [request, extensions] = [join(folder, `${wish.name}.csr`), join(folder, `${wish.name}.ext`)]
  await command(openssl, [
    ...['req', ...keyArguments(wish.key ?? 'prime256v1'), '-nodes', '-subj', `/CN=${wish.name}`],
    ...['-keyout', made.key, '-out', request],
  ])
  const names = wish.subjectAltName ?? USUAL_NAMES
  const lines = [...(names === '' ? [] : [`subjectAltName=${names}`]), ...(wish.extensions ?? [])]
  await Bun.write(extensions, `${lines.join('\n')}\n`)
  await command(openssl, [
    ...['x509', '-req', '-in', request, '-CA', authority.certificate, '-CAkey', authority.key],
    ...[
      '-CAcreateserial',
      '-days',
      String(wish.days ?? 30),
      '-extfile',
      extensions,
      '-out',
      made.certificate,
    ],
  ])
  return made
}

function pathsIn(folder: string, name: string): MadeCertificate {
  return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
}

function keyArguments(key: string): string[] {
  return key.startsWith('rsa') || key.startsWith('ed')
    ? ['-newkey', key]
    : ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${key}`]
}
