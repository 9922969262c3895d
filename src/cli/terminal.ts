/** Where a command writes, and what it may assume of its reader. */
import { closeSync, openSync } from 'node:fs'
import { type Environment, readEnvironment, refusesColor } from '../config/env.ts'

export interface Terminal {
  readonly environment: Environment
  /** A person reads the output as it is written. */
  readonly isInteractive: boolean
  readonly hasColor: boolean
  /** There was a terminal, and it has been closed. */
  isGone(): boolean
  /** What the command was asked for: to standard output. */
  print(text: string): void
  /** What goes on beside it, and what is wrong: to standard error. */
  note(text: string): void
  /** Writes over the last line of the terminal, below what is noted; an empty text takes it away. Null where there is none. */
  readonly draw: ((line: string) => void) | null
}

/** ECMA-48: to the beginning of the line, and nothing to its end. */
const ERASE_LINE = '\r\x1b[K'

export function openTerminal(): Terminal {
  const environment = readEnvironment()
  const isInteractive = process.stdout.isTTY === true
  let drawn = ''
  // A reader that goes away (`berth serve | head`) must not take the server down.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    environment,
    isInteractive,
    hasColor: isInteractive && !refusesColor(environment),
    isGone: () => isInteractive && !hasControllingTerminal(),
    print: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(drawn === '' ? text : `${ERASE_LINE}${text}${drawn}`),
    draw: process.stderr.isTTY === true ? draw : null,
  }

  function draw(line: string): void {
    if (line === drawn) return
    drawn = line
    process.stderr.write(`${ERASE_LINE}${line}`)
  }
}

/** The kernel takes a terminal that hangs up away from its processes, before it tells them. */
function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'))
    return true
  } catch {
    return false
  }
}
