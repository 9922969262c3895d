import { expect, test } from 'bun:test'
import { stepOf } from './sql-step.ts'

const ONE = 'sha256:1'

test.each([
  ['SELECT size FROM blobs JOIN settings', [], { reads: ['blobs', 'settings'], writes: [] }],
  ['SELECT size FROM blobs WHERE digest = $1', [ONE], { reads: [`blobs ${ONE}`], writes: [] }],
  ['SELECT size FROM blobs WHERE digest > $1', [ONE], { reads: ['blobs'], writes: [] }],
  ['SELECT digest FROM tags WHERE digest = $1', [ONE], { reads: ['tags'], writes: [] }],
  [
    'INSERT INTO blobs (digest) VALUES ($1)\n ON CONFLICT (digest) DO UPDATE SET epoch = 1',
    [ONE],
    { reads: [], writes: [`blobs ${ONE}`] },
  ],
  [
    'UPDATE blobs SET state = 1 WHERE NOT EXISTS (SELECT 1 FROM manifest_blobs)',
    [],
    { reads: ['manifest_blobs'], writes: ['blobs'] },
  ],
  [
    'DELETE FROM tags WHERE digest = (SELECT digest FROM tags LIMIT 1) RETURNING name',
    [],
    { reads: [], writes: ['tags'] },
  ],
  ['INSERT INTO tags (name) VALUES ($1)', [], { reads: ['repositories key'], writes: ['tags'] }],
  ['UPDATE repositories SET listed = 1 WHERE id = $1', [], { reads: [], writes: ['repositories row'] }],
  ['DELETE FROM repositories WHERE id = $1', [], { reads: [], writes: ['repositories'] }],
  [
    'INSERT INTO tree_dirty (kind, repository_id, key, value) VALUES ($1, $2, $3, $4)',
    ['tag', 7, 'latest', null],
    { reads: [], adds: ['tree_dirty tag/7/latest'], writes: [] },
  ],
  [
    'SELECT value FROM tree_dirty WHERE kind = $1 AND repository_id = $2 AND key = $3 LIMIT $4',
    ['tag', 7, 'latest', 1],
    { reads: ['tree_dirty tag/7/latest'], writes: [] },
  ],
  ['SELECT value FROM tree_dirty WHERE key = $1', [ONE], { reads: ['tree_dirty'], writes: [] }],
  ['INSERT INTO events (kind) VALUES ($1)', [], { reads: [], adds: ['events'], writes: [] }],
  ['DELETE FROM events WHERE id = $1', [], { reads: [], adds: [], writes: ['events'] }],
])('%j touches what it names', (sql, values, touched) => expect(stepOf(sql, values)).toMatchObject(touched))
