/** What the start says of a way in, and what it refuses. What the ways themselves do is beside them, and in test/auth. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AuthConfig } from '../config/config.ts'
import { createLog } from '../observability/log.ts'
import { prepareAccess } from './access.ts'
import { AccessUnusable } from './access-unusable.ts'

const folder = mkdtempSync(join(tmpdir(), 'access-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let lines: Record<string, unknown>[] = []
const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(JSON.parse(line)) })
beforeEach(() => {
  lines = []
})

const htpasswd = (path: string): AuthConfig => ({ kind: 'htpasswd', realm: 'x', path })

describe('the htpasswd file', () => {
  test('that is missing is made, and its user and password are said as registry:2 says them', async () => {
    const path = join(folder, 'auth/new')
    await prepareAccess(htpasswd(path), log)
    expect(lines).toMatchObject([
      { level: 'warning', msg: 'htpasswd is missing, provisioning with default user', user: 'docker' },
    ])
    lines = []
    await prepareAccess(htpasswd(path), log)
    expect(lines).toEqual([])
  })

  test('with a password that lets nobody in is complained of, with the command that mends it', async () => {
    const path = join(folder, 'old')
    writeFileSync(path, 'alice:$apr1$3CbMgBPv$z5rNRSSb6dTQrbDYSyfbh0\n')
    await prepareAccess(htpasswd(path), log)
    expect(lines).toMatchObject([
      { level: 'warning', msg: expect.stringContaining(`htpasswd -B ${path} alice`) },
    ])
  })

  test.each([
    ['is a folder', 'folder', 'Docker makes one where a mounted file is missing'],
    ['cannot be made', 'file/htpasswd', 'EEXIST'],
  ])('that %s refuses the start, and names the setting and the path', async (_, name, words) => {
    mkdirSync(join(folder, 'folder'), { recursive: true })
    writeFileSync(join(folder, 'file'), '')
    const path = join(folder, name)
    const refusal = await prepareAccess(htpasswd(path), log).catch((error) => error)
    expect(refusal).toBeInstanceOf(AccessUnusable)
    for (const each of ['auth.htpasswd.path', path, words]) expect(refusal.message).toContain(each)
  })
})

test('nothing is prepared, and nothing said, where there is no such file', async () => {
  await prepareAccess({ kind: 'open' }, log)
  expect(lines).toEqual([])
})
