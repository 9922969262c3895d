/**
 * Settings from the environment: `REGISTRY_*` as registry:2 has them and `BERTH_*`. A variable that sets
 * nothing is worth a warning, for it is most likely a slip; what Kubernetes puts there by itself is not.
 */
import type { Environment } from './env.ts'
import { type Given, SETTING_NAMES, type SettingName, type Settings, variableOf } from './settings.ts'
import { suggest } from './suggest.ts'

/** Which file to read; as in registry:2. */
export const CONFIG_FILE_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'

/** Where the data lies when nothing says so: a container image sets it to its volume. */
export const DEFAULT_DATA_VARIABLE = 'BERTH_DEFAULT_DATA'

/** A Service named `registry` or `berth` makes Kubernetes set these in every pod beside it. */
const SET_BY_KUBERNETES = /^(REGISTRY|BERTH)_(PORT(_.*)?|SERVICE_.*)$/

export interface FromEnvironment {
  readonly settings: Settings
  /** One sentence for each variable that sets nothing. */
  readonly warnings: readonly string[]
}

/** Takes the settings out of the environment. An empty variable counts as not set. */
export function readVariables(environment: Environment): FromEnvironment {
  const names = settingsByVariable()
  const settings = new Map<SettingName, Given>()
  const warnings: string[] = []
  for (const [variable, value] of Object.entries(environment)) {
    const name = names.get(variable)
    if (name !== undefined && value !== '') settings.set(name, { value, origin: variable })
    else if (name === undefined && looksMeant(variable))
      warnings.push(unknownVariable(variable, [...names.keys()]))
  }
  return { settings, warnings }
}

function settingsByVariable(): Map<string, SettingName> {
  const pairs = SETTING_NAMES.map((name) => [variableOf(name), name] as const)
  return new Map(pairs.filter((pair): pair is [string, SettingName] => pair[0] !== null))
}

function looksMeant(variable: string): boolean {
  if (!/^(REGISTRY|BERTH)_/.test(variable) || SET_BY_KUBERNETES.test(variable)) return false
  return variable !== CONFIG_FILE_VARIABLE && variable !== DEFAULT_DATA_VARIABLE
}

function unknownVariable(variable: string, known: readonly string[]): string {
  const near = suggest(variable, [...known, CONFIG_FILE_VARIABLE])
  return `The variable ${variable} sets nothing in Berth.${near === null ? '' : ` Did you mean ${near}?`}`
}
