/** The settings of `storage`: where bytes are kept, and what may be done with them. */
import { section, setting, unread } from './setting.ts'
import { boolean, goDuration, path, text } from './values.ts'

/** Nothing can be served without storage, so these stop the start. */
function cloud(name: string, instead = 'Use a folder (storage.filesystem), also one on a network disk') {
  return unread({
    about: `keeps images in ${name}`,
    countsWhenEmpty: true,
    refused: `Berth cannot keep images in ${name} yet. ${instead}`,
  })
}

const NO_CACHE = 'Berth asks its database, which needs no cache of descriptors'

export const storageSection = section({
  filesystem: section(
    {
      rootdirectory: setting(path, {
        about: 'the data folder',
        byDefault: './data; /var/lib/registry with version: 0.1',
      }),
      maxthreads: setting(text, {
        about: 'files at once',
        unneeded: 'Berth has a pool of threads for files, at least 16 of them',
      }),
    },
    { about: 'a folder' },
  ),
  inmemory: section({}, { about: 'memory: everything is gone at the stop' }),
  s3: cloud('S3'),
  s3aws: cloud('S3'),
  gcs: cloud('Google Cloud Storage'),
  azure: cloud('Azure'),
  swift: cloud('Swift', 'registry:3 cannot either. Copy the images to a folder with a client (skopeo sync)'),
  oss: cloud('OSS', 'registry:3 cannot either. Copy the images to a folder with a client (skopeo sync)'),
  delete: section({
    enabled: setting(boolean, {
      about: 'whether manifests, tags and blobs may be deleted',
      byDefault: 'true; false with version: 0.1',
    }),
  }),
  redirect: section({
    disable: setting(boolean, {
      about: 'sends blobs itself',
      unneeded: 'Berth sends blobs of a folder itself, always',
    }),
  }),
  cache: section({
    blobdescriptor: setting(text, { about: 'a cache of descriptors', unneeded: NO_CACHE }),
    layerinfo: setting(text, { about: 'the older form of blobdescriptor', unneeded: NO_CACHE }),
    blobdescriptorsize: setting(text, { about: 'how many', unneeded: NO_CACHE }),
  }),
  maintenance: section({
    uploadpurging: section({
      enabled: setting(boolean, { about: 'forgets uploads that nobody continues', byDefault: 'true' }),
      age: setting(goDuration, {
        about: 'how long they may lie idle; berth.uploads.expireAfter overrules it',
        byDefault: '168h',
      }),
      interval: setting(goDuration, { about: 'how often they are looked for', byDefault: '24h' }),
      dryrun: setting(boolean, { about: 'only names them in the log', byDefault: 'false' }),
    }),
    readonly: section({
      enabled: setting(boolean, { about: 'refuses every push and delete', byDefault: 'false' }),
    }),
  }),
  tag: section({
    concurrencylimit: setting(text, {
      about: 'tags looked at side by side at a delete',
      unneeded: 'Berth finds the tags of a manifest by one question to its database',
    }),
  }),
})

/** Those that say where bytes are kept: exactly one of them counts. */
export const STORAGE_DRIVERS: readonly string[] = [
  'filesystem',
  'inmemory',
  's3',
  's3aws',
  'gcs',
  'azure',
  'swift',
  'oss',
]
