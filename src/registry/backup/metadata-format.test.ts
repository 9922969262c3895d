import { describe, expect, test } from 'bun:test'
import { failureOf } from '../../../test/registry-bench.ts'
import { BackupDamaged, encodeMetadata, type MetadataHead, verifyMetadata } from './metadata-format.ts'

const HEAD: MetadataHead = { registry: 'r', schema: 1, schemaName: 'one', madeAt: 1, program: '1.2.3' }

async function* noTables(): AsyncGenerator<never> {}

describe('whoever reads a backup of the metadata closes it', () => {
  async function isClosedAfter(change: (text: string) => string): Promise<boolean> {
    const chunks = await Array.fromAsync(encodeMetadata(HEAD, noTables()))
    let isClosed = false
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from(change(Buffer.concat(chunks).toString()))
        yield Buffer.from('never read')
      } finally {
        isClosed = true
      }
    }
    expect(await failureOf(verifyMetadata(source()))).toBeInstanceOf(BackupDamaged)
    return isClosed
  }

  test('where its head is damaged', async () => {
    expect(await isClosedAfter((text) => text.replace('metadata', 'nothing'))).toBe(true)
  })

  test('where a line behind it is damaged', async () => {
    expect(await isClosedAfter((text) => text.replace('"end"', '"row"'))).toBe(true)
  })
})
