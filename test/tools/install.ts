/**
 * Brings the outside programs of the catalog where it may: Debian packages as root on Debian, Go programs at
 * their pinned versions where Go is there. What is present is left alone, so a second run takes no time.
 * What can't be had is reported, never an error by itself; with CI=true the exit code says so.
 *
 * npm run tools
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type GoTool,
  goToolFolder,
  howToGet,
  TOOL_NAMES,
  TOOLS,
  type Tool,
  type ToolName,
  toolCache,
} from './catalog.ts'
import { command } from './command.ts'
import { findTool } from './find-tool.ts'

const POLICY = '/usr/sbin/policy-rc.d'
const APT_TIMEOUT = 900_000
const GO_TIMEOUT = 600_000
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive' }

export interface ToolReport {
  /** Installed by this run. */
  readonly installed: readonly ToolName[]
  /** What could not be had, and how a person gets it. */
  readonly missing: readonly string[]
}

function missingTools(): ToolName[] {
  return TOOL_NAMES.filter((name) => findTool(name) === null)
}

function canInstallDebianPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

/** Keeps the packages' own services from starting: the tests start what they need, on ports of their own. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const isOurs = !existsSync(POLICY)
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await install()
  } finally {
    if (isOurs) rmSync(POLICY, { force: true })
  }
}

async function installPackages(packages: string[]): Promise<void> {
  const options = { env: APT_ENVIRONMENT, timeout: APT_TIMEOUT }
  await withoutServices(async () => {
    await command('apt-get', ['update', '-q'], options)
    await command('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], options)
  })
}

/** Builds into a folder beside the final one and renames it, so that a half-built program is never found. */
async function installGoProgram(name: ToolName, tool: GoTool): Promise<void> {
  const final = goToolFolder(name, tool)
  mkdirSync(toolCache(), { recursive: true })
  const building = mkdtempSync(join(toolCache(), 'building-'))
  try {
    const env = { GOBIN: building, CGO_ENABLED: '0' }
    await command('go', ['install', `${tool.program}@${tool.version}`], { env, timeout: GO_TIMEOUT })
    rmSync(final, { recursive: true, force: true })
    renameSync(building, final)
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
}

async function attempt(subject: string, install: () => Promise<void>): Promise<void> {
  console.log(`tools: installing ${subject}`)
  try {
    await install()
  } catch (error) {
    console.error(`tools: could not install ${subject}: ${error instanceof Error ? error.message : error}`)
  }
}

async function installMissing(names: readonly ToolName[]): Promise<void> {
  const tools = names.map((name): [ToolName, Tool] => [name, TOOLS[name]])
  const packages = new Set(tools.flatMap(([, tool]) => (tool.kind === 'debian' ? [tool.package] : [])))
  if (packages.size > 0 && canInstallDebianPackages()) {
    await attempt([...packages].join(' '), () => installPackages([...packages]))
  }
  for (const [name, tool] of tools) {
    if (tool.kind === 'go' && Bun.which('go') !== null) {
      await attempt(`${name} ${tool.version}`, () => installGoProgram(name, tool))
    }
  }
}

/** Installs what is missing, as far as this machine allows. */
export async function installTools(): Promise<ToolReport> {
  const before = missingTools()
  await installMissing(before)
  const after = missingTools()
  return {
    installed: before.filter((name) => !after.includes(name)),
    missing: after.map((name) => `${name}: ${howToGet(name)}`),
  }
}

if (import.meta.main) {
  const { installed, missing } = await installTools()
  console.log(`tools: ${TOOL_NAMES.length - missing.length} there, ${installed.length} of them new`)
  for (const line of missing) console.log(`tools: missing ${line}`)
  process.exit(missing.length > 0 && process.env['CI'] === 'true' ? 1 : 0)
}
