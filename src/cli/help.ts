/** The shape of a help page: what it is for, then examples, then the reference. */
import { Command } from 'commander'
import { calledAs } from './called-as.ts'

export interface Example {
  readonly command: string
  readonly effect: string
}

/** A command whose help begins with a sentence and examples. */
export function commandWithExamples(name: string, purpose: string, examples: readonly Example[]): Command {
  return new Command(name)
    .summary(purpose)
    .addHelpText('before', `${sentence(purpose)}\n\nExamples:\n${formatExamples(examples)}\n`)
}

export function formatExamples(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(({ command }) => command.length))
  return examples.map(({ command, effect }) => `  ${command.padEnd(width)}  ${effect}`).join('\n')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

/** How this program is called by whoever runs it: what the examples tell people to type. */
export function programName(): string {
  return Bun.isStandaloneExecutable ? calledAs(process.argv0) : 'npm run berth --'
}
