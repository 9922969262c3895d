/** Every way of a body over TLS, with HTTP/1.1 and HTTP/2: large ones, parts, none, broken off and refused; memory stays bounded. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { digestOf, noise } from '../clients/images.ts'
import { memoryObstacles, residentMemoryOf } from '../memory/resident-memory.ts'
import { command, commandBytes, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { type SecuredBerth, startSecuredBerth } from './secured-berth.ts'

const MIB = 1024 * 1024
const LENGTH = 128 * MIB
/** What a server may take at its peak: less than two bodies, and far less than all that is under way at once. */
const MEMORY_LIMIT = 230_000_000

setDefaultTimeout(120_000)

describeWith('a body over TLS', ['openssl', 'curl'], ({ openssl, curl }) => {
  let secured: SecuredBerth
  const bytes = noise('over tls', LENGTH)
  const digest = digestOf(bytes)

  beforeAll(async () => {
    secured = await startSecuredBerth(openssl)
    await Bun.write(join(secured.folder, 'blob'), bytes)
    await Bun.write(join(secured.folder, 'manifest'), bytes.subarray(0, MIB))
  })
  afterAll(async () => {
    const { berth } = secured
    if (memoryObstacles().length === 0) expect(residentMemoryOf([berth.pid]).peak).toBeLessThan(MEMORY_LIMIT)
    await secured[Symbol.asyncDispose]()
  })

  function address(path: string): string {
    return new URL(path, secured.berth.url).href
  }

  /** What every call has: the version, whom to trust, and no progress. */
  function usual(version: string): string[] {
    return ['-sS', version, '--cacert', join(secured.folder, 'first.crt')]
  }

  async function beginUpload(version: string): Promise<string> {
    const args = [
      '-X',
      'POST',
      '-o',
      '/dev/null',
      '-w',
      '%header{location}',
      address('/v2/tls/app/blobs/uploads/'),
    ]
    return address(await command(curl, [...usual(version), ...args]))
  }

  for (const version of ['--http1.1', '--http2']) {
    const told = ['-o', '/dev/null', '-w', '%{http_version} %{http_code}']
    const spoken = version === '--http2' ? '2' : '1.1'
    const blob = () => address(`/v2/tls/app/blobs/${digest}`)

    test(`of 128 MiB is pushed in pieces and at once, and comes back as it was (${version})`, async () => {
      const file = join(secured.folder, 'blob')
      const patch = ['-X', 'PATCH', '-H', 'content-type: application/octet-stream', '-T', file]
      const location = await beginUpload(version)
      expect(await command(curl, [...usual(version), ...patch, ...told, location])).toBe(`${spoken} 202`)
      const finish = ['-X', 'PUT', ...told, `${location}&digest=${digest}`]
      expect(await command(curl, [...usual(version), ...finish])).toBe(`${spoken} 201`)
      const whole = ['-T', file, ...told, `${await beginUpload(version)}&digest=${digest}`]
      expect(await command(curl, [...usual(version), ...whole])).toBe(`${spoken} 201`)
      const pulled = await commandBytes(curl, [...usual(version), blob()])
      expect(`sha256:${createHash('sha256').update(pulled).digest('hex')}`).toBe(digest)
    })

    test(`is given in parts, or not at all to HEAD (${version})`, async () => {
      const range = [...usual(version), '-H', `Range: bytes=${LENGTH - 10}-`, blob()]
      expect(Buffer.from(await commandBytes(curl, range)).equals(Buffer.from(bytes.subarray(-10)))).toBe(true)
      const several = [...usual(version), '-H', 'Range: bytes=0-9,20-29', ...told, blob()]
      expect(await command(curl, several)).toBe(`${spoken} 206`)
      const beyond = [...usual(version), '-H', `Range: bytes=${LENGTH}-`, ...told, blob()]
      expect(await command(curl, beyond)).toBe(`${spoken} 416`)
      expect(await command(curl, [...usual(version), '-I', blob()])).toContain(
        `ontent-length: ${LENGTH}`.slice(1),
      )
    })

    test(`that breaks off leaves what has come (${version})`, async () => {
      const location = await beginUpload(version)
      const slow = [
        '--limit-rate',
        '8M',
        '-m',
        '1',
        '-X',
        'PATCH',
        '-T',
        join(secured.folder, 'blob'),
        location,
      ]
      expect((await tryCommand(curl, [...usual(version), ...slow])).exitCode).not.toBe(0)
      const told = ['-o', '/dev/null', '-w', '%{http_code} %header{range}', location]
      await until('the upload has what came', async () =>
        /^204 0-[1-9]\d+$/.test(await command(curl, [...usual(version), ...told])),
      )
    })

    test(`of a megabyte that is refused lets the refusal be seen (${version})`, async () => {
      const file = join(secured.folder, 'manifest')
      const nowhere = [
        '-X',
        'PATCH',
        '-T',
        file,
        address('/v2/tls/app/blobs/uploads/00000000-0000-4000-8000-000000000000'),
      ]
      expect(await command(curl, [...usual(version), ...nowhere])).toContain('BLOB_UPLOAD_UNKNOWN')
      const manifest = ['-H', 'content-type: application/vnd.oci.image.manifest.v1+json', '-T', file]
      expect(
        await command(curl, [...usual(version), ...manifest, address('/v2/tls/app/manifests/1')]),
      ).toContain('MANIFEST_INVALID')
    })

    test(`is not kept in memory for thirty who read slowly (${version})`, async () => {
      const slow = ['--limit-rate', '64k', '-m', '2', '-o', '/dev/null', blob()]
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, () => tryCommand(curl, [...usual(version), ...slow])),
      )
      const tookTooLong = 28
      expect(new Set(outcomes.map(({ exitCode }) => exitCode))).toEqual(new Set([tookTooLong]))
    })
  }
})
