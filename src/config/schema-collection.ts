/** The settings of collection and of the trash, `berth.collection` and `berth.trash`: what nothing needs is deleted beside pushes, and when. */
import { section, setting } from './setting.ts'
import { boolean, duration } from './values.ts'

export const collectionSection = section({
  enabled: setting(boolean, {
    about: 'deletes, while Berth runs, what no image and no trash needs',
    byDefault: 'true',
  }),
  grace: setting(duration, { about: 'how long such content stays all the same', byDefault: '24h' }),
  lease: setting(duration, {
    about: 'how long content is left alone that a push has just named',
    byDefault: '1h',
  }),
  condemnedFor: setting(duration, {
    about: 'how long it stays marked, and comes back if a push names it, before it is deleted',
    byDefault: '10m',
  }),
  unlinkAfter: setting(duration, {
    about: 'how long deleted bytes lie aside before the space is free',
    byDefault: '10m',
  }),
  untagged: section({
    deleteAfter: setting(duration, {
      about:
        'how long a manifest stays that no tag, no index and no subject holds; then it goes into the trash',
      byDefault: 'for ever',
    }),
  }),
})

export const trashSection = section({
  keep: setting(duration, {
    about: 'how long what was deleted can be taken back (berth trash restore)',
    byDefault: '7d',
  }),
})

export const unsafeShortGrace = setting(boolean, {
  about: 'allows shorter times in berth.collection than are safe: for tests',
  byDefault: 'false',
})
