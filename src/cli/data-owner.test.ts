import { expect, test } from 'bun:test'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeUnless } from '../../test/tools/describe-with.ts'
import { describeUser, findDataOwner } from './data-owner.ts'

const isRoot = process.getuid?.() === 0

function newFolder() {
  const root = mkdtempSync(join(tmpdir(), 'berth-owner-'))
  const driver = { kind: 'filesystem', root } as const
  return { root, driver, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

test('memory has no owner, nor has a folder that is not there yet', async () => {
  expect(await findDataOwner({ driver: { kind: 'memory' } })).toBeNull()
  expect(await findDataOwner({ driver: { kind: 'filesystem', root: '/nowhere/at-all' } })).toBeNull()
})

describeUnless('a folder that is given away', isRoot ? [] : ['giving one away needs root'], () => {
  test('has an owner, who is told by number', async () => {
    using folder = newFolder()
    chownSync(folder.root, 1000, 1001)
    expect(await findDataOwner(folder)).toEqual({ user: 1000, group: 1001 })
  })

  test('makes root be told why it is root, and how it need not be', async () => {
    using folder = newFolder()
    const itsOwn = `running as root, who owns ${folder.root}; for fewer rights start as another user`
    expect(await describeUser(folder)).toStartWith(itsOwn)
    chownSync(folder.root, 1000, 1000)
    expect(await describeUser(folder)).toBe(`running as root; user 1000 owns ${folder.root}`)
    expect(await describeUser({ driver: { kind: 'memory' } })).toBe('running as root')
  })
})
