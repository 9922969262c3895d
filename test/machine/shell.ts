/**
 * A person at a terminal of a machine: types lines into a shell, sees what it prints, answers what it asks, and
 * presses Ctrl-C. The shell has a real terminal, so programs ask for passwords and show prompts as they do to people.
 */
import { stripVTControlCharacters } from 'node:util'
import { until } from '../until.ts'
import type { Machine } from './machine.ts'

const PATIENCE = { withinMilliseconds: 30_000 }
/** What the shell shows when a command has ended: its exit status. */
const PROMPT = /\[(\d+)\]~> $/
const CTRL_C = '\x03'
const ESCAPE = '\x1b'
/** Where a program goes up or down to another line, to show progress there. */
const OTHER_LINE = new RegExp(`${ESCAPE}\\[\\d*[AB]`, 'g')

export interface Shell extends AsyncDisposable {
  /** Types a command and waits for its end. Gives what it printed; throws where its exit status is not 0. */
  run(command: string): Promise<string>
  /** The same, for a command that must fail. */
  fail(command: string): Promise<string>
  /** Types a line, and goes on at once: something then asks, or goes on running. */
  type(line: string): void
  /** Waits until what was printed since the last line holds this. */
  sees(text: string | RegExp): Promise<void>
  /** Waits for the end of what was typed last; gives what it printed. Throws where its exit status is not 0. */
  ends(): Promise<string>
  /** Presses Ctrl-C, and waits until the shell is there again. */
  interrupt(): Promise<void>
  /** Saves a file as with an editor. The path is one of the shell's, `~` and all. */
  edit(path: string, text: string): Promise<void>
}

/** `translate` is applied to all that is typed. */
export async function openShell(machine: Machine, translate: (text: string) => string): Promise<Shell> {
  const shell = new TerminalShell(machine, translate)
  shell.type(`PS1='[$?]~> '; PS2=; stty -echo`)
  await shell.ends()
  return shell
}

class TerminalShell implements Shell {
  readonly #translate: (text: string) => string
  readonly #process: Bun.Subprocess
  #printed = ''

  constructor(machine: Machine, translate: (text: string) => string) {
    this.#translate = translate
    const decoder = new TextDecoder()
    // A session of its own in the machine, which gives it control over jobs and the terminal.
    this.#process = Bun.spawn(
      machine.command(['setsid', '--ctty', '--wait', 'bash', '--norc', '--noediting', '-i']),
      {
        env: { ...machine.environment, PS1: '' },
        terminal: {
          cols: 250,
          rows: 50,
          data: (_terminal, data) => {
            this.#printed += decoder.decode(data, { stream: true })
          },
        },
      },
    )
  }

  type(line: string): void {
    this.#printed = ''
    this.#process.terminal?.write(`${this.#translate(line)}\n`)
  }

  async run(command: string): Promise<string> {
    this.type(command)
    return await this.#end(command, (status) => status === 0)
  }

  async fail(command: string): Promise<string> {
    this.type(command)
    return await this.#end(command, (status) => status !== 0)
  }

  ends(): Promise<string> {
    return this.#end('what was typed', (status) => status === 0)
  }

  async sees(text: string | RegExp): Promise<void> {
    const isThere = () => (typeof text === 'string' ? this.#text().includes(text) : text.test(this.#text()))
    await this.#wait(`${text} is shown`, isThere)
  }

  async interrupt(): Promise<void> {
    this.#printed = ''
    this.#process.terminal?.write(CTRL_C)
    await this.#wait('Ctrl-C has ended the program', () => PROMPT.test(this.#text()))
  }

  async edit(path: string, text: string): Promise<void> {
    await this.run(`cat > ${path} <<'THE_END'\n${text.replace(/\n?$/, '\n')}THE_END`)
  }

  async #end(command: string, isRight: (status: number) => boolean): Promise<string> {
    await this.#wait(`"${command}" has ended`, () => PROMPT.test(this.#text()))
    const text = this.#text()
    const status = Number(PROMPT.exec(text)?.[1])
    if (!isRight(status)) throw new Error(`"${command}" ended with ${status}:\n${text}`)
    return text.replace(PROMPT, '')
  }

  async #wait(sentence: string, holds: () => boolean): Promise<void> {
    await until(sentence, holds, PATIENCE).catch((cause) => {
      throw new Error(`in vain: ${sentence}; the terminal shows:\n${this.#text()}`, { cause })
    })
  }

  #text(): string {
    return stripVTControlCharacters(this.#printed.replace(OTHER_LINE, '\n')).replaceAll('\r', '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.terminal?.close()
    this.#process.kill('SIGKILL')
    await this.#process.exited
  }
}
