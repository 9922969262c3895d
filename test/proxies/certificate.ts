/** A certificate for 127.0.0.1 that signs itself, made by `openssl` as a person makes one. */
import { join } from 'node:path'
import { command } from '../tools/command.ts'

export interface Certificate {
  /** Paths of PEM files. */
  readonly certificate: string
  readonly key: string
  /** Both in one file, as HAProxy wants it. */
  readonly both: string
}

export async function makeCertificate(openssl: string, folder: string): Promise<Certificate> {
  const [certificate, key, both] = [
    join(folder, 'fullchain.pem'),
    join(folder, 'privkey.pem'),
    join(folder, 'both.pem'),
  ]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  await command(openssl, [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-sha256'],
    ...[...subject, '-keyout', key, '-out', certificate],
  ])
  await Bun.write(both, (await Bun.file(certificate).text()) + (await Bun.file(key).text()))
  return { certificate, key, both }
}
