/** A certificate for 127.0.0.1 that signs itself, as each of the proxies wants it. */
import { join } from 'node:path'
import { type MadeCertificate, makeSelfSigned } from '../certificate-files.ts'

export interface Certificate extends MadeCertificate {
  /** Certificate and key in one file, as HAProxy wants it. */
  readonly both: string
}

export async function makeCertificate(openssl: string, folder: string): Promise<Certificate> {
  const made = await makeSelfSigned(openssl, folder, { name: 'proxy' })
  const both = join(folder, 'both.pem')
  await Bun.write(both, (await Bun.file(made.certificate).text()) + (await Bun.file(made.key).text()))
  return { ...made, both }
}
