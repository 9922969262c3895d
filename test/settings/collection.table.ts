import type { ShownElsewhere } from './shown-elsewhere.ts'

const BUILT = {
  file: 'src/config/build-collection.test.ts',
  title: 'collection takes its times from the settings',
}

const TRASH = { file: 'src/config/build-trash.test.ts', title: 'the trash takes its times from the settings' }

export const COLLECTION_ELSEWHERE: readonly ShownElsewhere[] = [
  { key: 'berth.trash.keep', ...TRASH, by: 'BERTH_TRASH_KEEP' },
  {
    key: 'berth.collection.untagged.deleteAfter',
    ...TRASH,
    by: 'BERTH_COLLECTION_UNTAGGED_DELETEAFTER',
  },
  { key: 'berth.collection.enabled', ...BUILT, by: 'BERTH_COLLECTION_ENABLED' },
  { key: 'berth.collection.grace', ...BUILT, by: 'BERTH_COLLECTION_GRACE' },
  { key: 'berth.collection.lease', ...BUILT, by: 'BERTH_COLLECTION_LEASE' },
  { key: 'berth.collection.condemnedFor', ...BUILT, by: 'BERTH_COLLECTION_CONDEMNEDFOR' },
  { key: 'berth.collection.unlinkAfter', ...BUILT, by: 'BERTH_COLLECTION_UNLINKAFTER' },
  {
    key: 'berth.unsafeShortGrace',
    file: BUILT.file,
    title: 'too short a time is taken with unsafeShortGrace, and that is told',
    by: 'BERTH_UNSAFESHORTGRACE',
  },
]
