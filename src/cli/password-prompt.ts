/** Asks a person for a password without showing it, a new one twice, or takes it from whoever pipes it in. */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Far above what can be stored, and far below what could be sent by mistake. */
const LONGEST_INPUT = 64 * 1024

/** Throws Failure where both are not the same, or nothing comes. */
export async function askNewPassword(terminal: Terminal): Promise<string> {
  const input = hiddenInput()
  try {
    const lines = input[Symbol.asyncIterator]()
    const first = await ask(terminal, lines, 'New password: ')
    const second = await ask(terminal, lines, 'The same again: ')
    if (first === second) return first
  } finally {
    input.close()
  }
  throw new Failure(EXIT.USAGE, 'The two passwords are not the same. Nothing has been changed.')
}

/** Asks on a terminal, and elsewhere takes what is piped in. Throws Failure where nothing comes. */
export async function readPassword(terminal: Terminal): Promise<string> {
  if (process.stdin.isTTY !== true) return readPipedPassword()
  const input = hiddenInput()
  try {
    return await ask(terminal, input[Symbol.asyncIterator](), 'Password: ')
  } finally {
    input.close()
  }
}

/** All of standard input, without the end of its last line. */
export async function readPipedPassword(): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of process.stdin) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > LONGEST_INPUT) throw new Failure(EXIT.USAGE, 'This is too much for a password.')
  }
  return (text + decoder.decode()).replace(/\r?\n$/, '')
}

/** From now on the terminal shows nothing of what is typed, until this is closed. */
function hiddenInput(): Interface {
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  return createInterface({ input: process.stdin, output: silence, terminal: true })
}

async function ask(terminal: Terminal, lines: AsyncIterator<string>, question: string): Promise<string> {
  terminal.note(question)
  const answer = await lines.next()
  terminal.note('\n')
  if (answer.done === true) throw new Failure(EXIT.USAGE, 'No password was given. Nothing has been changed.')
  return answer.value
}
