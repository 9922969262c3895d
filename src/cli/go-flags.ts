/**
 * Flags as Go programs take them: `--delete-untagged=true`, `-dm=false`. Scripts that were written for
 * `registry garbage-collect` are full of them, and our own parser knows a yes-or-no flag by its presence alone.
 */
import type { Command, Option } from 'commander'

/** What Go takes for a boolean (strconv.ParseBool). */
const YES = ['1', 't', 'T', 'true', 'TRUE', 'True']
const NO = ['0', 'f', 'F', 'false', 'FALSE', 'False']

/**
 * The arguments with each flag that is set to true standing alone, and without those that are set to false; the last
 * word on a flag counts, as in Go. What is set to anything else stays, for the parser to say so.
 */
export function withPlainFlags(args: readonly string[], { options }: Command): string[] {
  const end = args.indexOf('--')
  const flags = end === -1 ? args : args.slice(0, end)
  const plain: string[] = []
  for (const arg of flags.flatMap((each) => apart(each, options))) {
    const [flag = '', value] = arg.split('=', 2)
    const option = value === undefined ? undefined : booleanOption(options, flag)
    if (option !== undefined && NO.includes(value ?? '')) removeAll(plain, option)
    else plain.push(option !== undefined && YES.includes(value ?? '') ? flag : arg)
  }
  return end === -1 ? plain : [...plain, ...args.slice(end)]
}

/** `-dm=true` as `-d` and `-m=true`. */
function apart(arg: string, options: readonly Option[]): string[] {
  const [, letters = '', value = ''] = /^-([a-z]{2,})(=.*)?$/.exec(arg) ?? []
  const each = [...letters].map((letter) => `-${letter}`)
  const areBooleans = each.every((flag) => booleanOption(options, flag) !== undefined)
  return each.length === 0 || !areBooleans ? [arg] : [...each.slice(0, -1), `${each.at(-1)}${value}`]
}

function booleanOption(options: readonly Option[], flag: string): Option | undefined {
  return options.find((option) => option.isBoolean() && (option.long === flag || option.short === flag))
}

function removeAll(args: string[], { long, short }: Option): void {
  const kept = args.filter((arg) => arg !== long && arg !== short)
  args.splice(0, args.length, ...kept)
}
