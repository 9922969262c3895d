/** `berth htpasswd FILE USER`: makes a user of an htpasswd file, or gives one another password, as bcrypt. */
import type { Command } from 'commander'
import { NotStorable, putPassword, requireStorable } from '../access/htpasswd/edit.ts'
import { EXIT, Failure } from './failure.ts'
import { commandWithExamples, programName } from './help.ts'
import { askNewPassword, readPipedPassword } from './password-prompt.ts'
import type { Terminal } from './terminal.ts'

interface HtpasswdFlags {
  readonly stdin?: boolean
}

export function htpasswdCommand(terminal: Terminal): Command {
  const program = programName()
  return commandWithExamples('htpasswd', 'add a user to an htpasswd file, or change a password', [
    { command: `${program} htpasswd auth/htpasswd alice`, effect: 'asks for the password' },
    { command: `pass registry | ${program} htpasswd auth/htpasswd alice`, effect: 'takes it from a program' },
  ])
    .argument('<file>', 'the htpasswd file; it is made where there is none')
    .argument('<user>', 'the name that the user logs in with')
    .option('--stdin', 'take the password from standard input, also where that is a terminal')
    .action((file: string, user: string, flags: HtpasswdFlags) => htpasswd(terminal, file, user, flags))
}

async function htpasswd(terminal: Terminal, path: string, user: string, flags: HtpasswdFlags): Promise<void> {
  try {
    requireStorable(user, 'any')
    const isAsked = process.stdin.isTTY === true && flags.stdin !== true
    const password = isAsked ? await askNewPassword(terminal) : await readPipedPassword()
    const done = await putPassword(path, user, password)
    const what =
      done === 'added' ? `${user} is in ${path} now` : `${user} has another password in ${path} now`
    terminal.note(`${what}. A registry that uses this file takes it at once.\n`)
  } catch (error) {
    if (error instanceof NotStorable) throw new Failure(EXIT.USAGE, error.message)
    if (!isSystemError(error)) throw error
    throw new Failure(EXIT.FAILED, `${path} cannot be written: ${error.message}.`, { cause: error })
  }
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
