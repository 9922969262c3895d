import { expect } from 'bun:test'
import { OCI_INDEX } from '../../src/oci/media-type.ts'
import { descriptorOf, LAYER, manifestOf, newBlob, newImage, type Sample } from '../sample-content.ts'
import type { ArrangedServer } from './arranged-server.ts'
import type { Observed } from './observed.ts'
import { imageOn, pushManifest } from './wire.ts'

/** The status that an image gets whose layer lies elsewhere. */
async function withForeignLayer(server: ArrangedServer, url: string): Promise<number> {
  const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
  const layer = { ...descriptorOf(newBlob(LAYER)), mediaType, urls: [url] }
  return await pushManifest(server, await imageOn(server, { fields: { layers: [layer] } }))
}

/** The status that an index gets whose one image is not there. */
async function withoutItsImage(server: ArrangedServer, architecture: string): Promise<number> {
  const child = { ...descriptorOf(newImage()), platform: { os: 'linux', architecture } }
  return await pushManifest(server, manifestOf(OCI_INDEX, { manifests: [child] }))
}

async function listsTwo(server: ArrangedServer, path: string): Promise<void> {
  const answer = await server.ask(path)
  const body = (await answer.json()) as { repositories?: unknown[]; tags?: unknown[] }
  expect([answer.status, (body.repositories ?? body.tags)?.length]).toEqual([200, 2])
  expect(answer.headers.get('link')).toContain('rel="next"')
}

async function pushTags(server: ArrangedServer): Promise<Sample> {
  const image = await imageOn(server)
  for (const tag of ['a', 'b', 'c']) expect(await pushManifest(server, image, tag)).toBe(201)
  return image
}

const URLS = {
  'validation.manifests.urls.allow': ['^https://good\\.example/'],
  'validation.manifests.urls.deny': ['/secret/'],
}

export const MANIFESTS: readonly Observed[] = [
  {
    what: 'rules for addresses of layers and for images of an index',
    settings: () => ({
      ...URLS,
      'validation.enabled': true,
      'validation.disabled': true,
      'validation.manifests.indexes.platforms': 'list',
      'validation.manifests.indexes.platformlist[].os': 'linux',
      'validation.manifests.indexes.platformlist[].architecture': 'amd64',
    }),
    keys: {
      'validation.manifests.urls.allow': async (server) => {
        expect(await withForeignLayer(server, 'https://good.example/layer')).toBe(201)
        expect(await withForeignLayer(server, 'https://bad.example/layer')).toBe(400)
      },
      'validation.manifests.urls.deny': async (server) => {
        expect(await withForeignLayer(server, 'https://good.example/secret/layer')).toBe(400)
      },
      // It makes nothing of `disabled`.
      'validation.enabled': async (server) => {
        expect(await withForeignLayer(server, 'https://bad.example/layer')).toBe(400)
      },
      'validation.manifests.indexes.platforms': async (server) => {
        expect(await withoutItsImage(server, 'amd64')).not.toBe(201)
      },
      'validation.manifests.indexes.platformlist[].os': async (server) => {
        expect(await withoutItsImage(server, 'amd64')).not.toBe(201)
      },
      'validation.manifests.indexes.platformlist[].architecture': async (server) => {
        expect(await withoutItsImage(server, 'arm64')).toBe(201)
      },
    },
  },
  {
    what: 'rules that are switched off',
    settings: () => ({ ...URLS, 'validation.disabled': true }),
    keys: {
      'validation.disabled': async (server) => {
        expect(await withForeignLayer(server, 'https://bad.example/layer')).toBe(201)
      },
    },
  },
  {
    what: 'a registry for plugins alone',
    settings: () => ({ 'policy.repository.classes': ['plugin'] }),
    keys: {
      'policy.repository.classes': async (server) => {
        expect(await pushManifest(server, await imageOn(server))).toBe(403)
      },
    },
  },
  {
    what: 'short lists, and images before their layers',
    settings: () => ({
      'catalog.maxentries': 2,
      'tags.maxtags': 2,
      'berth.manifests.allowMissing': true,
    }),
    keys: {
      'tags.maxtags': async (server) => {
        await pushTags(server)
        await listsTwo(server, '/v2/team/app/tags/list?n=3')
      },
      'berth.manifests.allowMissing': async (server) => {
        for (const name of ['one', 'two', 'three']) {
          expect(await pushManifest(server, newImage(), 'latest', `/v2/${name}`)).toBe(201)
        }
      },
      'catalog.maxentries': async (server) => {
        await listsTwo(server, '/v2/_catalog?n=3')
      },
    },
  },
]
