/**
 * GET of a large blob over TLS, with HTTP/1.1 and HTTP/2, with client and server on one core as in pull.ts. Everybody
 * encrypts alike: TLS 1.3 with the suite that the client asks for.
 */
import { makeSelfSigned } from '../../test/certificate-files.ts'
import { findTool } from '../../test/tools/find-tool.ts'
import { costOf, type Metric } from '../metric.ts'
import { onOneCore } from '../pinning.ts'
import { blobPath } from '../registry-client.ts'
import { gibibytes, sizeOf } from '../size.ts'
import { runCurl, type Subject } from '../subject.ts'

const REPOSITORY = 'bench/pull-tls'
const SAME_CIPHER = ['--insecure', '--tlsv1.3', '--tls13-ciphers', 'TLS_AES_128_GCM_SHA256']
const VERSIONS = { http1Cpu: '1.1', http2Cpu: '2' } as const

export const pullTlsMetric: Metric = {
  name: 'pull-tls',
  title: ({ blobBytes }) => `pulling a blob of ${sizeOf(blobBytes)} over TLS`,
  figures: [
    { name: 'http1Cpu', title: 'CPU seconds per GiB, HTTP/1.1', better: 'less' },
    { name: 'http2Cpu', title: 'CPU seconds per GiB, HTTP/2', better: 'less' },
  ],
  needs: ['curl', 'taskset', 'openssl'],
  async prepare(subject, { scale, blob }) {
    const { digest, size } = blob()
    await publish(subject, blob())
    const server = await subject.serve({ tls: await makeCertificate(subject) })
    const url = `https://127.0.0.1:${server.port}${blobPath(REPOSITORY, digest)}`
    if (scale.warmsUp) for (const version of Object.values(VERSIONS)) await pull(url, size, version)
    const costPerGibibyte = async (version: string) => {
      const { cpuSeconds } = await costOf(server, () =>
        onOneCore(server, async (client) => {
          for (let count = 0; count < scale.pulls; count++) await pull(url, size, version, client)
        }),
      )
      return cpuSeconds / (gibibytes(size) * scale.pulls)
    }
    return async () => ({
      http1Cpu: await costPerGibibyte(VERSIONS.http1Cpu),
      http2Cpu: await costPerGibibyte(VERSIONS.http2Cpu),
    })
  },
}

/** Without TLS, which the client that pushes does not speak. */
async function publish(subject: Subject, blob: Parameters<Subject['publishBlob']>[2]): Promise<void> {
  await using server = await subject.start()
  await subject.publishBlob(server, REPOSITORY, blob)
}

async function makeCertificate(subject: Subject): Promise<{ certificate: string; key: string }> {
  const openssl = findTool('openssl')
  if (openssl === null) throw new Error('There is no openssl here.')
  return await makeSelfSigned(openssl, subject.folder, { name: 'bench' })
}

async function pull(
  url: string,
  size: number,
  version: string,
  client: readonly string[] = [],
): Promise<void> {
  const told = ['-o', '/dev/null', '-w', '%{http_version} %{http_code} %{size_download}']
  const output = await runCurl([...SAME_CIPHER, `--http${version}`, ...told, url], client)
  if (output !== `${version} 200 ${size}`) {
    throw new Error(`GET ${url} answered with "${output}" (version, status and bytes).`)
  }
}
