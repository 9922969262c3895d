/** crane, a Go client that chooses HTTP/2, pushes and pulls large images over TLS; a new certificate comes in the middle. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeSelfSigned } from '../certificate-files.ts'
import { contentsOf, readLayout, writeLayout } from '../clients/images.ts'
import { largeImage } from '../clients/sample-images.ts'
import { command } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { putInPlace, startSecuredBerth } from './secured-berth.ts'

setDefaultTimeout(120_000)
const ROUNDS = 4

describeWith('crane over TLS', ['crane', 'openssl'], ({ crane, openssl }) => {
  test('pushes and pulls images of 60 MB byte for byte while certificates are replaced', async () => {
    await using secured = await startSecuredBerth(openssl)
    const { berth, files, folder } = secured
    const pairs = [
      await makeSelfSigned(openssl, folder, { name: 'one' }),
      await makeSelfSigned(openssl, folder, { name: 'other' }),
    ]
    const trusted = await Promise.all(
      [files, ...pairs].map(({ certificate }) => Bun.file(certificate).text()),
    )
    const env = { SSL_CERT_FILE: join(folder, 'trusted.crt') }
    await Bun.write(env.SSL_CERT_FILE, trusted.join(''))
    const image = largeImage('crane over tls')
    mkdirSync(join(folder, 'pushed'))
    const layout = writeLayout(join(folder, 'pushed'), image, 'latest')
    const replaced = () => berth.log().split('a new certificate is in use').length - 1
    for (let round = 0; round < ROUNDS; round++) {
      const [name, pulled] = [`${berth.host}/crane/r${round}:1`, join(folder, `pulled-${round}`)]
      const pushing = command(crane, ['push', layout, name], { env })
      const pair = pairs[round % pairs.length]
      if (pair !== undefined) putInPlace(pair, files)
      berth.signal('SIGHUP')
      await pushing
      await until('the certificate was replaced', () => replaced() === round + 1)
      await command(crane, ['pull', '--format=oci', name, pulled], { env })
      for (const [digest, bytes] of contentsOf(image)) {
        expect(Bun.deepEquals(readLayout(pulled).get(digest), Buffer.from(bytes))).toBe(true)
      }
    }
    expect(berth.log().match(/http.response.status=5\d\d|broke off/g)).toBeNull()
  })
})
