// Runs the pinned Bun with the given arguments: `node scripts/bun.mjs test src`.
// npm may refuse the install script that links node_modules/bun, so the platform package's own
// binary is used where the link is missing or is still the package's placeholder.
import { spawn } from 'node:child_process'
import { accessSync, existsSync, constants as files, readdirSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules')
const SMALLEST_REAL_BINARY = 1_000_000

function isRunnable(path) {
  try {
    accessSync(path, files.X_OK)
    return statSync(path).size > SMALLEST_REAL_BINARY
  } catch {
    return false
  }
}

function candidates() {
  const platforms = join(modules, '@oven')
  const installed = existsSync(platforms) ? readdirSync(platforms) : []
  return [
    join(modules, 'bun', 'bin', 'bun.exe'),
    ...installed.flatMap((name) => [
      join(platforms, name, 'bin', 'bun'),
      join(platforms, name, 'bin', 'bun.exe'),
    ]),
  ]
}

function findBun() {
  const found = candidates().find(isRunnable)
  if (found === undefined) {
    console.error('Berth runs on Bun, which npm did not install here. Run: npm ci')
    process.exit(1)
  }
  return found
}

// These come from a terminal, which sends them to Bun too: passed on, they would count as a second wish to stop.
const FROM_TERMINAL = ['SIGINT', 'SIGHUP']

/** Runs Bun in the foreground: each signal reaches it once, and its exit status becomes ours. */
export function runBun(args, options = {}) {
  const isInTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const isDelivered = isInTerminal && FROM_TERMINAL.includes(signal)
    process.on(signal, () => isDelivered || child.kill(signal))
  }
  // Only now: a signal that came between would end this launcher alone, and leave Bun behind.
  const child = spawn(findBun(), args, { stdio: 'inherit', ...options })
  child.on('error', (error) => {
    console.error(`Bun cannot be run: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runBun(process.argv.slice(2))
