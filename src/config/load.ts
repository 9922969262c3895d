/**
 * Brings the sources together: defaults, then the file, then the environment, then flags, each overruling
 * what came before. The result is a whole Config or a ConfigError with every problem found, never something
 * half right.
 */
import { ALTERNATIVES, keepOne } from './alternatives.ts'
import { buildConfig } from './build.ts'
import { type Config, ConfigError } from './config.ts'
import { findContradictions, findDoubts } from './contradictions.ts'
import { Draft } from './draft.ts'
import type { Environment } from './env.ts'
import { readConfigFile } from './file.ts'
import { describeIssue } from './issues.ts'
import { type Settings, settingsSchema } from './schema.ts'
import { findUnsupported } from './unsupported.ts'
import { CONFIG_FILE_VARIABLE, DEFAULT_DATA_VARIABLE, readVariables } from './variables.ts'

export interface ConfigSources {
  /** The file named on the command line, or null: then REGISTRY_CONFIGURATION_PATH may name one. */
  readonly file: string | null
  readonly environment: Environment
  readonly flags: {
    readonly addr: string | null
    readonly data: string | null
    readonly tls?: string | null
  }
  /** Whether a person reads the log as it is written. */
  readonly isTerminal: boolean
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read, or null. */
  readonly file: string | null
  /** Sentences that the person should see, though Berth can start. */
  readonly warnings: readonly string[]
  /** Settings that Berth takes and does not need: one sentence each. */
  readonly notices: readonly string[]
  /** What was given, setting by setting. */
  readonly given: Draft
}

/** Throws ConfigError with every problem that can be known: only what contradicts itself is looked for when the rest is right. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = sources.file ?? (sources.environment[CONFIG_FILE_VARIABLE] || null)
  const given = new Draft()
  const problems = new Problems()
  if (file !== null) await readConfigFile(file, given).catch(problems.note)
  const unknown = (await readVariables(sources.environment, given).catch(problems.note)) ?? []
  setFlags(given, sources.flags)
  const replaced = ALTERNATIVES.flatMap((each) => problems.among(() => keepOne(given, each)) ?? [])
  const unsupported = problems.among(() => findUnsupported(given))
  const settings = await parse(given).catch(problems.note)
  problems.throwAny()
  if (settings === undefined || unsupported === null)
    throw new Error('settings without a problem are not there')
  const config = buildConfig(settings, {
    data: sources.environment[DEFAULT_DATA_VARIABLE] || null,
    logFormat: sources.isTerminal ? 'pretty' : 'text',
  })
  const contradictions = findContradictions(config, given)
  if (contradictions.length > 0) throw new ConfigError(contradictions)
  return {
    config,
    file,
    warnings: [...unknown, ...replaced, ...unsupported.warnings, ...findDoubts(config, given)],
    notices: unsupported.notices,
    given,
  }
}

/** Gathers what is wrong in one step, so that the next can be looked at too. */
class Problems {
  readonly #found: string[] = []

  /** Takes a ConfigError; any other error is thrown on. */
  readonly note = (error: unknown): void => {
    if (!(error instanceof ConfigError)) throw error
    this.#found.push(...error.problems)
  }

  /** What the step gives, or null where it found something wrong. */
  among<T>(step: () => T): T | null {
    try {
      return step()
    } catch (error) {
      this.note(error)
      return null
    }
  }

  throwAny(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#found)
  }
}

function setFlags(given: Draft, { addr, data, tls = null }: ConfigSources['flags']): void {
  if (tls !== null) given.set(['berth', 'tls'], tls, { source: 'flag', words: '--tls' })
  if (addr !== null) given.set(['http', 'addr'], addr, { source: 'flag', words: '--addr' })
  if (data === null) return
  given.set(['storage', 'filesystem', 'rootdirectory'], data, { source: 'flag', words: '--data' })
}

async function parse(given: Draft): Promise<Settings> {
  const parsed = await settingsSchema.safeParseAsync(given.tree)
  if (parsed.success) return parsed.data
  throw new ConfigError(parsed.error.issues.flatMap((issue) => describeIssue(given, issue)))
}
