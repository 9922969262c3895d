/**
 * Puts one user's password into an htpasswd file, which is made where there is none. All other lines stay as
 * they are, byte by byte.
 *
 * A file that is there is rewritten in place, as Apache's `htpasswd` does, and not replaced: a container into which
 * that one file is mounted would go on seeing the old one, and within the container it cannot be replaced at all
 * (EBUSY). It is written in one call where the system takes it so, then cut to its length, then synced.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { BCRYPT_BYTES, hashWithBcrypt } from './bcrypt.ts'

/** The name or the password is not one that can be stored. The message says why. */
export class NotStorable extends Error {
  override readonly name = 'NotStorable'
}

/** As Apache has it. */
const LONGEST_NAME = 255
const LARGEST_FILE = 16 * 1024 * 1024

/** Throws NotStorable, and the system's error. */
export async function putPassword(
  path: string,
  user: string,
  password: string,
): Promise<'added' | 'changed'> {
  requireStorable(user, password)
  const line = `${user}:${await hashWithBcrypt(password)}`
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    const before = await readWhole(file)
    const { text, isNew } = withLine(before, user, line)
    await rewrite(file, before, text)
    return isNew ? 'added' : 'changed'
  } finally {
    await file.close()
  }
}

/** Throws NotStorable. */
export function requireStorable(user: string, password: string): void {
  if (!/^[^:\p{Cc}]+$/u.test(user) || user !== user.trim() || user.startsWith('#'))
    throw new NotStorable(
      `${JSON.stringify(user)} cannot be a user's name: it must not be empty, begin with #, begin or end with a space, nor have a colon or a control character in it.`,
    )
  if (Buffer.byteLength(user) > LONGEST_NAME)
    throw new NotStorable(`The name is too long: ${LONGEST_NAME} bytes are the most.`)
  if (password === '') throw new NotStorable('The password is empty.')
  const bytes = Buffer.byteLength(password)
  if (bytes > BCRYPT_BYTES)
    throw new NotStorable(
      `The password has ${bytes} bytes, and bcrypt looks at the first ${BCRYPT_BYTES} only. Choose a shorter one.`,
    )
}

/** The new line stands where the first of that name stood, or at the end; others of that name go. */
export function withLine(
  text: string,
  user: string,
  line: string,
): { readonly text: string; readonly isNew: boolean } {
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = text.split(/(?<=\n)/)
  const place = lines.findIndex((each) => nameOf(each) === user)
  if (place === -1) {
    const gap = text === '' || text.endsWith('\n') ? '' : end
    return { text: `${text}${gap}${line}${end}`, isNew: true }
  }
  const mark = lines[place]?.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : ''
  const others = lines.filter((each, index) => index === place || nameOf(each) !== user)
  const written = others.map((each) => (nameOf(each) === user ? `${mark}${line}${end}` : each))
  return { text: written.join(''), isNew: false }
}

const BYTE_ORDER_MARK = '\uFEFF'

/** `trim` takes the byte order mark away too. Null where the line is none of a user. */
function nameOf(line: string): string | null {
  const trimmed = line.trim()
  return trimmed.startsWith('#') ? null : (/^([^:]+):/.exec(trimmed)?.[1] ?? null)
}

async function readWhole(file: FileHandle): Promise<string> {
  const { size } = await file.stat()
  if (size > LARGEST_FILE) throw notAList(`is larger than ${LARGEST_FILE} bytes`)
  const bytes = Buffer.alloc(size)
  await file.read(bytes, 0, size, 0)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw notAList('has bytes that are no UTF-8')
  }
}

function notAList(why: string): NotStorable {
  return new NotStorable(`The file ${why}: it is no list of users. Nothing has been changed.`)
}

/** Where there is no room for more, the file is what it was. */
async function rewrite(file: FileHandle, before: string, after: string): Promise<void> {
  try {
    await writeWhole(file, after)
  } catch (error) {
    await writeWhole(file, before)
    throw error
  }
}

async function writeWhole(file: FileHandle, text: string): Promise<void> {
  const bytes = Buffer.from(text)
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, done)).bytesWritten
  }
  await file.truncate(bytes.length)
  await file.sync()
}
