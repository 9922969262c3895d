/** What `npm start` runs: a small Node program that runs Bun, passes signals on, and takes Berth with it when it dies. */
import { afterAll, describe, expect, test } from 'bun:test'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from './berth-server.ts'
import { until } from './until.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-launcher-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the launcher', () => {
  function isAlive(pid: number): boolean {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  const launcher = join(import.meta.dir, '../scripts/bun.mjs')

  /** A program that tells how many signals have reached it, a little after the first. */
  function countingProgram(): string {
    const path = join(folder, 'count.ts')
    writeFileSync(
      path,
      `let count = 0
      const received = () => ++count === 1 && setTimeout(() => { console.log(\`signals: \${count}\`); process.exit(9) }, 300)
      process.on('SIGINT', received).on('SIGTERM', received)
      setInterval(() => {}, 1000)
      console.log('ready')`,
    )
    return path
  }

  test('passes a Ctrl-C on to Bun once, though the terminal sends it to both', async () => {
    const screen = { text: '' }
    const child = Bun.spawn({
      cmd: ['node', launcher, countingProgram()],
      terminal: {
        data(_, chunk) {
          screen.text += new TextDecoder().decode(chunk)
        },
      },
    })
    await until('it is ready', () => screen.text.includes('ready'))
    child.terminal?.write('\x03')
    expect(await child.exited).toBe(9)
    expect(screen.text).toContain('signals: 1')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('passes %s on to Bun, and its exit code back', async (name) => {
    const child = Bun.spawn({ cmd: ['node', launcher, countingProgram()], stdout: 'pipe', stdin: 'ignore' })
    const reader = child.stdout.getReader()
    await reader.read()
    child.kill(name)
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('signals: 1')
    expect(await child.exited).toBe(9)
  })

  const ofBerth = join(import.meta.dir, '../scripts/berth.mjs')

  test.each(['1', '2'])(
    'that is killed takes Berth with it, which ends in order (%s workers)',
    async (workers) => {
      const port = await findFreePort()
      const data = mkdtempSync(join(folder, 'launched-'))
      const child = Bun.spawn({
        cmd: ['node', ofBerth, 'serve', '--addr', `127.0.0.1:${port}`, '--data', data],
        env: { ...process.env, BERTH_WORKERS: workers },
        stdio: ['ignore', 'ignore', Bun.file(join(data, 'log'))],
      })
      const log = () => readFileSync(join(data, 'log'), 'utf8')
      await until('it listens', () => log().includes('listening on'))
      const unix = join(data, 'berth/control.sock')
      const { pid } = (await (await fetch('http://localhost/api/v1/status', { unix })).json()) as {
        pid: number
      }
      // What a terminal that closes sends to whoever went on with nohup.
      child.kill('SIGHUP')
      await until('it goes on', () => log().includes('what can be read again was read'))
      child.kill('SIGKILL')
      await until('it has ended', () => !isAlive(pid))
      expect(log()).toContain('SIGTERM: finishing what is in flight')
      await expect(fetch(`http://127.0.0.1:${port}/v2/`)).rejects.toThrow()
    },
  )

  test('lets a command end that ends by itself, and keeps what is for Berth alone from a person', () => {
    const made = Bun.spawnSync(['node', ofBerth, 'htpasswd', join(folder, 'htpasswd'), 'joe'], {
      stdin: new TextEncoder().encode('secret\n'),
      timeout: 10_000,
    })
    expect(made.exitCode).toBe(0)
    const refused = Bun.spawnSync(['node', ofBerth, 'worker'], { timeout: 10_000 })
    expect(refused.stderr.toString()).toContain('This command is for Berth itself')
  })

  /** A checkout in which npm has not run Bun's install script. */
  function checkoutWithoutInstallScript(): string {
    const checkout = mkdtempSync(join(folder, 'checkout-'))
    mkdirSync(join(checkout, 'scripts'))
    copyFileSync(launcher, join(checkout, 'scripts/bun.mjs'))
    mkdirSync(join(checkout, 'node_modules/bun/bin'), { recursive: true })
    writeFileSync(join(checkout, 'node_modules/bun/bin/bun.exe'), 'a placeholder', { mode: 0o755 })
    return checkout
  }

  function run(checkout: string) {
    return Bun.spawnSync(['node', join(checkout, 'scripts/bun.mjs'), '--version'])
  }

  test('finds Bun where npm refused its install script', () => {
    const checkout = checkoutWithoutInstallScript()
    mkdirSync(join(checkout, 'node_modules/@oven/bun-here/bin'), { recursive: true })
    symlinkSync(process.execPath, join(checkout, 'node_modules/@oven/bun-here/bin/bun'))
    expect(run(checkout).stdout.toString().trim()).toBe(Bun.version)
  })

  test('says what to do where there is no Bun', () => {
    const { exitCode, stderr } = run(checkoutWithoutInstallScript())
    expect(stderr.toString()).toContain('Run: npm ci')
    expect(exitCode).toBe(1)
  })
})
