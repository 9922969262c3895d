/** Asks a person for a new password, twice and without showing it, or takes it from whoever pipes it in. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Far above what can be stored, and far below what could be sent by mistake. */
const LONGEST_INPUT = 64 * 1024

/** Throws Failure where both are not the same, or nothing comes. */
export async function askNewPassword(terminal: Terminal): Promise<string> {
  const first = await askHidden(terminal, 'New password: ')
  const second = await askHidden(terminal, 'The same again: ')
  if (first === second) return first
  throw new Failure(EXIT.USAGE, 'The two passwords are not the same. Nothing has been changed.')
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

function askHidden(terminal: Terminal, question: string): Promise<string> {
  terminal.note(question)
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silence, terminal: true })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  lines.once('line', resolve)
  lines.once('close', () =>
    reject(new Failure(EXIT.USAGE, 'No password was given. Nothing has been changed.')),
  )
  return promise.finally(() => {
    terminal.note('\n')
    lines.close()
  })
}
