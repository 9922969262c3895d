/**
 * Who takes part, as the files of `contestants/` describe it: README.md says what stands in one. A contestant
 * is a server, which is started, or a list of programs that do one piece of work and end.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { howToGet, TOOL_NAMES, type ToolName } from '../test/tools/catalog.ts'
import { findTool } from '../test/tools/find-tool.ts'
import { METRIC_NAMES } from './metric-names.ts'

const command = z.array(z.coerce.string()).min(1)
const environment = z.record(z.string(), z.coerce.string())

const described = {
  title: z.string(),
  /** How durable its answers are, what it logs, and where its configuration comes from: for the report. */
  note: z.string(),
  /** Prints a line with its version. */
  version: command,
}

const serverSchema = z.strictObject({
  ...described,
  command,
  /** Its whole environment beside PATH, HOME and TMPDIR. */
  environment: environment.default({}),
  /** Becomes the file `${configuration}`. */
  configuration: z.string().default(''),
  /** What is different where it speaks TLS with `${certificate}` and `${key}`: for the metrics that need it. */
  tls: z
    .strictObject({ environment: environment.default({}), configuration: z.string().optional() })
    .optional(),
  /** A path that answers GET with 200 when it has started. */
  ready: z.string(),
  measures: z.array(z.enum(METRIC_NAMES)).min(1),
  /** Figures of these metrics that it can't give, as `metric.figure`. */
  omits: z.array(z.string()).default([]),
  /** How content gets there: pushed, or put below `${data}` as files named like their URL. */
  content: z.enum(['pushed', 'files']).default('pushed'),
  /**
   * How it deletes what nothing needs: by a program, run while it is not; and, where it can do that while it runs,
   * with `while` set it does, and with `not` set it does not.
   */
  collects: z
    .strictObject({
      command,
      while: environment.optional(),
      not: environment.optional(),
    })
    .optional(),
  /** A word among the arguments of the process that alone writes, and what else must be set for it to exist. */
  writer: z.strictObject({ argument: z.string(), environment }).optional(),
})

const programsSchema = z.strictObject({
  ...described,
  /** Run one after another on `${file}`, a blob, with the folder `${data}` to write to. */
  push: z.array(command).min(1),
})

export type ServerContestant = z.output<typeof serverSchema> & {
  readonly name: string
  readonly kind: 'server'
}
export type ProgramsContestant = z.output<typeof programsSchema> & {
  readonly name: string
  readonly kind: 'programs'
}
export type Contestant = ServerContestant | ProgramsContestant

const FOLDER = join(import.meta.dir, 'contestants')
const CHECKOUT = join(import.meta.dir, '..')

/** All that are described, by name. */
export function loadContestants(): Contestant[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))
  return files.sort().map((name) => loadContestant(join(FOLDER, name)))
}

/** One by the path of its file, which may lie anywhere. Throws with what is wrong in it. */
export function loadContestant(file: string): Contestant {
  return parseContestant(basename(file, '.yaml'), readFileSync(file, 'utf8'))
}

/** Throws with the file's name and every mistake. */
export function parseContestant(name: string, text: string): Contestant {
  const value = Bun.YAML.parse(text)
  const isServer = typeof value === 'object' && value !== null && 'command' in value
  const result = isServer ? serverSchema.safeParse(value) : programsSchema.safeParse(value)
  if (!result.success) throw new Error(`${name}.yaml: ${z.prettifyError(result.error)}`)
  return isServer
    ? { kind: 'server', name, ...(result.data as z.output<typeof serverSchema>) }
    : { kind: 'programs', name, ...(result.data as z.output<typeof programsSchema>) }
}

/** What a placeholder such as `${port}` stands for. */
export type Placeholders = Readonly<Record<string, string>>

/** Throws when a placeholder has no value. */
export function fillIn(text: string, values: Placeholders): string {
  return text.replace(/\$\{(\w+)\}/g, (placeholder, name: string) => {
    const value = values[name] ?? (name === 'checkout' ? CHECKOUT : undefined)
    if (value === undefined) throw new Error(`Nothing is known to put in the place of ${placeholder}.`)
    return value
  })
}

/** The command with its placeholders filled in and its program found. Throws when the program is not here. */
export function commandLine(words: readonly string[], values: Placeholders): string[] {
  const [program = '', ...rest] = words
  const path = findProgram(program)
  if (path === null) throw new Error(`There is no ${program} here.`)
  return [path, ...rest.map((word) => fillIn(word, values))]
}

/** `bun` is the one that runs this; tools of the tests come from their catalog, others from PATH. */
function findProgram(name: string): string | null {
  if (name === 'bun') return process.execPath
  return isTool(name) ? findTool(name) : Bun.which(name)
}

function isTool(name: string): name is ToolName {
  return TOOL_NAMES.some((tool) => tool === name)
}

/** Why a contestant can't take part here, or null. */
export function obstacleFor(contestant: Contestant): string | null {
  const commands = contestant.kind === 'server' ? [contestant.command] : contestant.push
  const missing = commands.map(([program = '']) => program).find((program) => findProgram(program) === null)
  if (missing === undefined) return null
  return `needs ${missing}${isTool(missing) ? ` (${howToGet(missing)})` : ''}`
}

/** The version that its own program prints: in the first line, where a path may stand before it. */
export function versionOf(contestant: Contestant): string {
  const { stdout, stderr } = Bun.spawnSync(commandLine(contestant.version, {}))
  return parseVersion(`${stdout}${stderr}`)
}

export function parseVersion(output: string): string {
  const [line = ''] = output.trim().split('\n')
  return line.match(/\d+\.\d+[^\s,)]*/g)?.at(-1) ?? 'of unknown version'
}
