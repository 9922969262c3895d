/** GET of a large blob, one after another. */
import { costOf, type Metric } from '../metric.ts'
import { blobPath } from '../registry-client.ts'
import { gibibytes, sizeOf } from '../size.ts'
import { runCurl } from '../subject.ts'

const REPOSITORY = 'bench/pull'

export const pullMetric: Metric = {
  name: 'pull',
  title: ({ blobBytes }) => `pulling a blob of ${sizeOf(blobBytes)}`,
  figures: [
    { name: 'cpu', title: 'CPU seconds per GiB', better: 'less' },
    { name: 'wall', title: 'seconds per GiB', better: 'less' },
  ],
  needs: ['curl'],
  async prepare(subject, { scale, blob }) {
    const server = await subject.serve()
    const { digest, size } = blob()
    await subject.publishBlob(server, REPOSITORY, blob())
    const url = `http://127.0.0.1:${server.port}${blobPath(REPOSITORY, digest)}`
    if (scale.warmsUp) await pull(url, size)
    return async () => {
      const { cpuSeconds, seconds } = await costOf(server, async () => {
        for (let count = 0; count < scale.pulls; count++) await pull(url, size)
      })
      const pulled = gibibytes(size) * scale.pulls
      return { cpu: cpuSeconds / pulled, wall: seconds / pulled }
    }
  },
}

async function pull(url: string, size: number): Promise<void> {
  const output = await runCurl(['-o', '/dev/null', '-w', '%{http_code} %{size_download}', url])
  if (output !== `200 ${size}`) throw new Error(`GET ${url} answered with "${output}" (status and bytes).`)
}
