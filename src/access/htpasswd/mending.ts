/** What an operator is told of a password that lets nobody in: how to store it so that it does. */
import { shellWord } from '../../lib/shell-word.ts'
import type { PasswordFile } from './password-file.ts'

/** A sentence with the commands. */
export function howToMend(path: string, user: string): string {
  const [file, name] = [shellWord(path), shellWord(user)]
  return `Set it anew: htpasswd -B ${file} ${name} (or: berth htpasswd ${file} ${name})`
}

/** What the operator should know of the file at the start: one whole sentence each. */
export function complaintsOf(path: string, file: PasswordFile): string[] {
  const unusable = [...file.users].flatMap(([user, password]) =>
    password.kind === 'bcrypt'
      ? []
      : [
          `${path}: ${JSON.stringify(user)} cannot log in, for the password is stored as ${password.form} and only bcrypt is taken. ${howToMend(path, user)}`,
        ],
  )
  const others = file.complaints.map((complaint) => `${path}: ${complaint}`)
  const isEmpty = file.users.size === 0
  const nobody = isEmpty
    ? [`${path} lists no user, so nobody can log in. Add one: berth htpasswd ${shellWord(path)} NAME`]
    : []
  return [...unusable, ...others, ...nobody]
}
