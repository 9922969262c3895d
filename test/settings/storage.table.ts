import { expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { newBlob } from '../sample-content.ts'
import { until } from '../until.ts'
import type { ArrangedServer } from './arranged-server.ts'
import type { Observed } from './observed.ts'
import type { ShownElsewhere } from './shown-elsewhere.ts'
import { beginUpload, pushBlob, REPOSITORY, statusOf } from './wire.ts'

async function deletes(server: ArrangedServer): Promise<number> {
  const blob = newBlob()
  expect(await pushBlob(server, blob)).toBe(201)
  return await statusOf(server, `${REPOSITORY}/blobs/${blob.digest}`, { method: 'DELETE' })
}

async function forgetsUploads(server: ArrangedServer): Promise<void> {
  const upload = (await beginUpload(server)).headers.get('location') ?? ''
  await until('it is forgotten', async () => (await statusOf(server, upload)) === 404)
}

const PURGING = 'storage.maintenance.uploadpurging'

export const STORAGE: readonly Observed[] = [
  {
    what: 'a folder',
    settings: ({ folder }) => ({
      'storage.filesystem.rootdirectory': join(folder, 'images'),
      'storage.delete.enabled': false,
    }),
    keys: {
      'storage.filesystem.rootdirectory': async (server) => {
        expect(await pushBlob(server, newBlob())).toBe(201)
        expect(existsSync(join(server.place.folder, 'images/docker/registry/v2/blobs/sha256'))).toBe(true)
      },
      'storage.delete.enabled': async (server) => expect(await deletes(server)).toBe(405),
    },
  },
  {
    what: "a file of registry:2's version, which says nothing of deletes",
    ways: ['the file'],
    settings: () => ({ version: 0.1 }),
    keys: {
      version: async (server) => {
        expect(server.stderr()).toContain(`settings from ${server.place.folder}/config.yml`)
        expect(await deletes(server)).toBe(405)
      },
    },
  },
  {
    what: 'memory',
    settings: () => ({ 'storage.inmemory': {} }),
    keys: {
      'storage.inmemory': async (server) => {
        expect(await pushBlob(server, newBlob())).toBe(201)
        expect(existsSync(join(server.place.folder, 'cwd/data'))).toBe(false)
      },
    },
  },
  {
    what: 'a registry that nobody may change',
    settings: () => ({ 'storage.maintenance.readonly.enabled': true }),
    keys: {
      'storage.maintenance.readonly.enabled': async (server) => {
        expect((await beginUpload(server)).status).toBe(405)
        expect(await statusOf(server, '/v2/')).toBe(200)
      },
    },
  },
  {
    what: 'uploads that are soon forgotten',
    settings: () => ({ [`${PURGING}.age`]: '100ms', [`${PURGING}.interval`]: '200ms' }),
    keys: { [`${PURGING}.age`]: forgetsUploads, [`${PURGING}.interval`]: forgetsUploads },
  },
  {
    what: "uploads that are soon forgotten by Berth's own setting",
    settings: () => ({
      'berth.uploads.expireAfter': '100ms',
      [`${PURGING}.age`]: '168h',
      [`${PURGING}.interval`]: '200ms',
    }),
    keys: { 'berth.uploads.expireAfter': forgetsUploads },
  },
  {
    what: 'uploads that are only named',
    settings: () => ({
      [`${PURGING}.age`]: '50ms',
      [`${PURGING}.interval`]: '100ms',
      [`${PURGING}.dryrun`]: true,
    }),
    keys: {
      [`${PURGING}.dryrun`]: async (server) => {
        const upload = (await beginUpload(server)).headers.get('location') ?? ''
        const id = new URL(upload, 'http://any').pathname.split('/').at(-1) ?? ''
        await until('it is named', () => server.stderr().includes(`upload=${id}`))
        expect(await statusOf(server, upload)).toBe(204)
      },
    },
  },
]

export const STORAGE_ELSEWHERE: readonly ShownElsewhere[] = [
  {
    key: `${PURGING}.enabled`,
    file: 'test/operating/upload-purging.test.ts',
    title: 'not `enabled`, nothing is forgotten, however old',
    by: 'enabled: false',
  },
]
