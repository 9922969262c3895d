/**
 * bcrypt as `htpasswd` and distribution's registry have it: of a password only the first 72 bytes count.
 * (Bun by itself would hash a longer one with SHA-512 first, and no other program would agree.)
 */

/** The bytes of a password that bcrypt looks at. */
export const BCRYPT_BYTES = 72

/** What distribution's registry takes for the user that it makes. */
const COST = 10

/** Takes tens of milliseconds on another thread. `hash` is a well-formed one. */
export function matchesBcrypt(password: string, hash: string): Promise<boolean> {
  const bytes = new TextEncoder().encode(password).subarray(0, BCRYPT_BYTES)
  return Bun.password.verify(bytes, withCanonicalSalt(hash), 'bcrypt')
}

const BASE64 = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** Where the last character of the salt stands: of its six bits the salt has two. */
const SALT_END = 28

/** Some programs leave the four bits to chance that no salt has: distribution does not look at them, and Bun refuses. */
function withCanonicalSalt(hash: string): string {
  const last = BASE64[BASE64.indexOf(hash[SALT_END] ?? '') & 0b110000]
  return hash.slice(0, SALT_END) + last + hash.slice(SALT_END + 1)
}

/** The password must not be longer than BCRYPT_BYTES in UTF-8, nor empty. */
export function hashWithBcrypt(password: string): Promise<string> {
  return Bun.password.hash(password, { algorithm: 'bcrypt', cost: COST })
}

/** A hash that no password has (but by a chance of 2⁻¹⁸⁴): comparing with it costs what comparing with a real one does. */
export function unmatchableHash(cost: number): string {
  const base64 = (bytes: number) =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)))
      .toString('base64')
      .replace(/[+=]/g, '.')
  return `$2b$${String(cost).padStart(2, '0')}$${base64(18).slice(0, 21)}.${base64(24).slice(0, 30)}.`
}
