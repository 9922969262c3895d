/** A certificate that everybody on the machine trusts, as one of Let's Encrypt's is trusted everywhere. */
import type { Machine } from '../machine/machine.ts'

const ROOTS = '/etc/ssl/certs/ca-certificates.crt'

/** Makes one for the host, in a folder of the machine, as `fullchain.pem` and `privkey.pem`. */
export async function makeTrustedCertificate(machine: Machine, host: string, folder: string): Promise<void> {
  const [key, certificate] = [`${folder}/privkey.pem`, `${folder}/fullchain.pem`]
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  await machine.run('mkdir', '-p', folder)
  await machine.run(
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    certificate,
    ...names,
  )
  await machine.run('sh', '-c', `cat ${certificate} >> ${ROOTS}`)
}
