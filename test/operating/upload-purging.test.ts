/** `storage.maintenance.uploadpurging`: each of its four keys, seen from outside. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../until.ts'
import { type Running, startServer } from './running.ts'

setDefaultTimeout(30_000)

interface Purging {
  readonly enabled: boolean
  readonly age: string
  readonly interval: string
  readonly dryrun: boolean
}

function start(uploadpurging: Purging, data?: string): Promise<Running> {
  const filesystem = data === undefined ? {} : { filesystem: { rootdirectory: data } }
  return startServer({ storage: { maintenance: { uploadpurging }, ...filesystem } })
}

/** The path of a new upload. */
async function begin({ url }: Running): Promise<string> {
  const begun = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  return new URL(begun.headers.get('location') ?? '', url).pathname
}

async function isThere({ url }: Running, upload: string): Promise<boolean> {
  return (await fetch(url + upload)).status === 204
}

test('an upload that is older than `age` is forgotten, and looked for every `interval`', async () => {
  await using server = await start({ enabled: true, age: '100ms', interval: '200ms', dryrun: false })
  for (const _ of [1, 2]) {
    const upload = await begin(server)
    await until('it is forgotten', async () => !(await isThere(server, upload)))
  }
})

test('bytes that no upload knows go then too, however they came to lie there', async () => {
  const data = mkdtempSync(join(tmpdir(), 'berth-purging-'))
  {
    await using server = await start({ enabled: true, age: '1h', interval: '200ms', dryrun: false }, data)
    const upload = await begin(server)
    const left = join(data, 'berth/uploads', crypto.randomUUID())
    writeFileSync(left, 'of an upload that has ended')
    await until('they are gone', () => !existsSync(left))
    expect(await isThere(server, upload)).toBe(true)
  }
  rmSync(data, { recursive: true })
})

test('with `dryrun` it is named, and stays', async () => {
  await using server = await start({ enabled: true, age: '50ms', interval: '100ms', dryrun: true })
  const upload = await begin(server)
  await until('it is named', () => server.stderr().includes(`upload=${upload.split('/').at(-1)}`))
  expect(await isThere(server, upload)).toBe(true)
})

test('not `enabled`, nothing is forgotten, however old', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-purging-'))
  const never = { enabled: false, age: '1ms', interval: '1ms', dryrun: false }
  const upload = await (async () => {
    await using server = await start(never, join(folder, 'data'))
    const begun = await begin(server)
    await server.stop()
    return begun
  })()
  // What is old when a server starts is forgotten before it answers.
  await using again = await start(never, join(folder, 'data'))
  expect(await isThere(again, upload)).toBe(true)
  await again.stop()
  await using purging = await start({ ...never, enabled: true, interval: '1h' }, join(folder, 'data'))
  expect(await isThere(purging, upload)).toBe(false)
  rmSync(folder, { recursive: true })
})
