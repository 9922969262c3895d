/**
 * The htpasswd file that is not there yet: one is made with a user `docker` and a password by chance, as
 * distribution's registry does, so that a forgotten file locks out the world and not its owner.
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createFile } from '../../lib/whole-file.ts'
import { hashWithBcrypt } from './bcrypt.ts'

export interface FirstUser {
  readonly user: string
  readonly password: string
}

const USER = 'docker'

/**
 * Makes the file where there is none; null where there is one. Of several processes that find none, one makes it.
 * Throws the system's error where that cannot be done.
 */
export async function provisionPasswordFile(path: string): Promise<FirstUser | null> {
  if (existsSync(path)) return null
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  const line = `${USER}:${await hashWithBcrypt(password)}\n`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  return (await createFile({ path, text: line, mode: 0o600 })) ? { user: USER, password } : null
}
