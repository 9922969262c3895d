import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'berth-config-command-'))
const file = join(folder, 'config.yml')
afterAll(() => rmSync(folder, { recursive: true }))

async function berth(args: readonly string[], env: Record<string, string> = {}) {
  const main = join(import.meta.dir, '../main.ts')
  const child = Bun.spawn([process.execPath, '--no-env-file', main, 'config', ...args], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { output, errors, code }
}

test('validate says that a file can be used, and what of it does less than it says', async () => {
  writeFileSync(
    file,
    'version: 0.1\nstorage:\n  filesystem:\n  cache:\n    blobdescriptor: redis\nredis:\n  addr: redis:6379\n',
  )
  const { output, code } = await berth(['validate', file])
  expect(code).toBe(0)
  expect(output).toContain(`warning: redis in ${file} has no effect: `)
  expect(output).toContain(`note: storage.cache.blobdescriptor in ${file} is not needed: `)
  expect(output).toEndWith(`${file} can be used.\n`)
})

test('validate ends with 3 and every problem where it cannot be used', async () => {
  writeFileSync(file, 'version: 0.1\nhttp:\n  addres: :5000\n  tsl: {}\n')
  const { errors, code } = await berth(['validate', file])
  expect(code).toBe(3)
  expect(errors).toContain('http.addres is not a setting that Berth knows. Did you mean http.addr?')
  expect(errors).toContain('http.tsl is not a setting that Berth knows. Did you mean http.tls?')
})

test('show gives a line for each setting, and with --origin where it comes from', async () => {
  writeFileSync(file, 'version: 0.1\nhttp:\n  addr: :5443\n')
  const env = { REGISTRY_HTTP_SECRET: 'hunter2' }
  const plain = await berth(['show', file], env)
  expect(plain.output).toMatch(/^http\.addr +:5443$/m)
  const { output } = await berth(['show', '--origin', file, '--data', '/srv/images'], env)
  expect(output).toMatch(new RegExp(`^http\\.addr +:5443 +${file}$`, 'm'))
  expect(output).toMatch(/^storage\.filesystem\.rootdirectory +\/srv\/images +--data$/m)
  expect(output).toMatch(/^http\.secret +\*{8} +REGISTRY_HTTP_SECRET$/m)
  expect(output).toMatch(/^log\.level +info +default$/m)
  expect(output).not.toContain('hunter2')
})

test('schema is JSON Schema', async () => {
  const { output, code } = await berth(['schema'])
  expect(code).toBe(0)
  expect(JSON.parse(output)).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: { http: { properties: { addr: { type: 'string' } } } },
  })
})

test('an unknown command beneath it is a wrong command line', async () => {
  expect((await berth(['valid'])).code).toBe(2)
})
