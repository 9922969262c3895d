import { testBlobStore } from '../blob-store.contract.ts'
import { openMemoryBlobStore } from './blob-store.ts'

testBlobStore('memory', async () => {
  const store = openMemoryBlobStore()
  return { store, reopen: async () => store, remove: async () => {} }
})
