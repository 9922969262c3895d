import type { ShownElsewhere } from './shown-elsewhere.ts'

const file = 'test/operating/metadata-backups.test.ts'
const KEPT = { file, title: 'are kept as many as the settings say, where the settings say' }
const DAYS = { file, title: 'the last of each day is kept too' }

export const BACKUP_ELSEWHERE: readonly ShownElsewhere[] = [
  {
    key: 'berth.backup.enabled',
    file,
    title: 'are not made where they are switched off',
    by: 'BERTH_BACKUP_ENABLED',
  },
  {
    key: 'berth.backup.every',
    file,
    title: 'are not made where they are switched off',
    by: 'BERTH_BACKUP_EVERY',
  },
  { key: 'berth.backup.folder', ...KEPT, by: 'BERTH_BACKUP_FOLDER' },
  { key: 'berth.backup.keep', ...KEPT, by: 'BERTH_BACKUP_KEEP' },
  { key: 'berth.backup.keepDays', ...DAYS, by: 'BERTH_BACKUP_KEEPDAYS' },
]
