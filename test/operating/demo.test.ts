/** `berth demo` at a server that asks for a login, and at one with a certificate of its own authority. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BerthServer, FROM_SOURCE, startBerth } from '../berth-server.ts'

setDefaultTimeout(30_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-demo-'))
const data = join(scratch, 'registry')
const authority = join(data, 'berth/tls/ca.crt')
let berth: BerthServer

beforeAll(async () => {
  const htpasswd = join(scratch, 'htpasswd')
  writeFileSync(htpasswd, `alice:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })}\n`)
  berth = await startBerth({
    data,
    env: { BERTH_TLS: 'auto', REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_PATH: htpasswd },
    tls: { authority },
  })
})
afterAll(async () => {
  await berth[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

function demo(args: readonly string[], password = '') {
  const stdin = new TextEncoder().encode(password)
  const { exitCode, stdout, stderr } = Bun.spawnSync([...FROM_SOURCE, 'demo', ...args], {
    stdin,
    cwd: scratch,
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

test('it logs in with a password that is piped in, and trusts the authority that lies in the data folder', () => {
  const { exitCode, stdout, stderr } = demo(
    ['--url', berth.url, '--data', data, '--user', 'alice'],
    'secret\n',
  )
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`curl -u alice ${berth.url}/v2/demo/hello/tags/list`)
  expect(stdout).toContain('docker/registry/v2/repositories/demo/hello/_manifests/tags/latest/current/link')
})

test('elsewhere it trusts the authority that is named', () => {
  const { exitCode } = demo(['--url', berth.url, '--ca-file', authority, '--user', 'alice'], 'secret')
  expect(exitCode).toBe(0)
})

test.each([
  ['an authority that nobody has named', [], '', 'Name the file of the authority that signed it: --ca-file'],
  ['a login that is missing', ['--data', data], '', 'asks for a login. Name a user with --user'],
  ['a wrong password', ['--data', data, '--user', 'alice'], 'other', 'does not let alice in'],
  ['an authority that is not there', ['--ca-file', '/nowhere/ca.crt'], '', '/nowhere/ca.crt cannot be read'],
])('it says what to do about %s', (_, args, password, sentence) => {
  const { exitCode, stderr } = demo(['--url', berth.url, ...args], password)
  expect(stderr).toContain(sentence)
  expect(exitCode).not.toBe(0)
})

test('it says what to do where the address speaks TLS and is asked without', () => {
  const { stderr } = demo(['--url', berth.url.replace('https:', 'http:')])
  expect(stderr).toContain('does not speak HTTP (')
  expect(stderr).toContain('https:// where it has TLS')
})
