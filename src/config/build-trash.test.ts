/** How long what was deleted can be taken back, and when what nothing names is deleted, by the operator's word. */
import { expect, test } from 'bun:test'
import { loadConfig } from './load.ts'

async function trashOf(environment: Record<string, string>) {
  const flags = { addr: null, data: null }
  return (await loadConfig({ file: null, environment, flags, isTerminal: false })).config.trash
}

test('the trash keeps for a week, and untagged manifests stay, where nobody says otherwise', async () => {
  expect(await trashOf({})).toEqual({
    keepMilliseconds: 7 * 86_400_000,
    deleteUntaggedAfterMilliseconds: null,
  })
})

test('the trash takes its times from the settings', async () => {
  expect(await trashOf({ BERTH_TRASH_KEEP: '48h', BERTH_COLLECTION_UNTAGGED_DELETEAFTER: '720h' })).toEqual({
    keepMilliseconds: 2 * 86_400_000,
    deleteUntaggedAfterMilliseconds: 30 * 86_400_000,
  })
})
