import { testTreeStore } from '../tree-store.contract.ts'
import { openMemoryTreeStore } from './tree-store.ts'

testTreeStore('memory', async () => {
  const store = openMemoryTreeStore()
  return { store, reopen: async () => store, remove: async () => {} }
})
