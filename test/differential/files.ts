/** What settings of the rounds name, as files: whom tokens are trusted from, and a certificate. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCertificate, privatePem } from '../certificates.ts'
import { ROOT } from './tokens.ts'

const server = await makeCertificate({ name: 'localhost', address: '127.0.0.1' })

const FILES: Readonly<Record<string, string>> = {
  'root.crt': ROOT.pem,
  'tls.crt': server.pem,
  'tls.key': await privatePem(server),
}

export function writeFiles(folder: string): void {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
}
