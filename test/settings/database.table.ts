import { expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Observed } from './observed.ts'
import type { ShownElsewhere } from './shown-elsewhere.ts'

function childrenOf(pid: number): number {
  const listed = Bun.spawnSync(['ps', '-A', '-o', 'ppid=']).stdout.toString()
  return listed.split('\n').filter((line) => Number(line) === pid).length
}

export const DATABASE: readonly Observed[] = [
  {
    what: "SQLite's file elsewhere, and two workers",
    settings: ({ folder }) => ({
      'berth.database.path': join(folder, 'facts.db'),
      'berth.workers': 2,
    }),
    keys: {
      'berth.database.path': ({ place }) => {
        expect(existsSync(join(place.folder, 'facts.db'))).toBe(true)
        expect(existsSync(join(place.folder, 'data/berth/berth.db'))).toBe(false)
      },
      // And their writer.
      'berth.workers': ({ pid }) => expect(childrenOf(pid)).toBe(3),
    },
  },
]

const ON_POSTGRES = {
  file: 'src/app/database.test.ts',
  title: 'opens no more connections than this process may have',
}

export const DATABASE_ELSEWHERE: readonly ShownElsewhere[] = [
  { key: 'berth.database.url', ...ON_POSTGRES, by: 'BERTH_DATABASE_URL: url' },
  { key: 'berth.database.connections', ...ON_POSTGRES, by: "BERTH_DATABASE_CONNECTIONS: '4'" },
]
