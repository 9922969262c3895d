/**
 * Finds the outside programs of the catalog on this machine. Debian's own folders come before PATH, so that
 * a second copy elsewhere (another docker, say) is not taken.
 */
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { goToolFolder, howToGet, TOOLS, type Tool, type ToolName } from './catalog.ts'

const POSTGRES_VERSIONS = '/usr/lib/postgresql'
/** Debian's libraries and loader for programs of another processor. */
const ARM_LIBRARIES = '/usr/aarch64-linux-gnu/lib'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Folders of PostgreSQL's server programs, which Debian keeps out of PATH; the newest version first. */
function postgresFolders(): string[] {
  try {
    const versions = readdirSync(POSTGRES_VERSIONS).map(Number).filter(Number.isInteger)
    return versions.sort((a, b) => b - a).map((version) => join(POSTGRES_VERSIONS, String(version), 'bin'))
  } catch {
    return []
  }
}

function foldersOf(name: ToolName): string[] {
  const tool: Tool = TOOLS[name]
  if (tool.kind === 'go') return [goToolFolder(name, tool)]
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return [...postgresFolders(), '/usr/bin', '/usr/sbin', ...path, ARM_LIBRARIES]
}

/** The path of a program, or null when it is not on this machine. */
export function findTool(name: ToolName): string | null {
  const paths = foldersOf(name).map((folder) => join(folder, name))
  return paths.find(isExecutable) ?? null
}

/** Why a tool can't be used here, in words for a person, or null when it can. */
export function obstacleOf(name: ToolName): string | null {
  const tool: Tool = TOOLS[name]
  if (findTool(name) === null) return `needs ${name}; ${howToGet(name)}`
  if (tool.kind === 'debian' && tool.needsRoot && process.getuid?.() !== 0) return `needs root to run ${name}`
  return null
}
