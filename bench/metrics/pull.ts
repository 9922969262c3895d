/**
 * GET of a large blob, one after another: with the client on the server's own core, where the server pays for what
 * it does alone, and with both where the system puts them.
 */
import { costOf, type Metric } from '../metric.ts'
import { onOneCore } from '../pinning.ts'
import { blobPath } from '../registry-client.ts'
import { gibibytes, sizeOf } from '../size.ts'
import { runCurl } from '../subject.ts'

const REPOSITORY = 'bench/pull'

export const pullMetric: Metric = {
  name: 'pull',
  title: ({ blobBytes }) => `pulling a blob of ${sizeOf(blobBytes)}`,
  figures: [
    { name: 'cpu', title: 'CPU seconds per GiB, client and server on one core', better: 'less' },
    { name: 'apartCpu', title: 'CPU seconds per GiB, on any cores', better: 'less' },
    { name: 'wall', title: 'seconds per GiB, on any cores', better: 'less' },
  ],
  needs: ['curl', 'taskset'],
  async prepare(subject, { scale, blob }) {
    const server = await subject.serve()
    const { digest, size } = blob()
    await subject.publishBlob(server, REPOSITORY, blob())
    const url = `http://127.0.0.1:${server.port}${blobPath(REPOSITORY, digest)}`
    if (scale.warmsUp) await pull(url, size)
    const pullAll = async (client: readonly string[] = []) => {
      for (let count = 0; count < scale.pulls; count++) await pull(url, size, client)
    }
    return async () => {
      const together = await costOf(server, () => onOneCore(server, pullAll))
      const apart = await costOf(server, pullAll)
      const pulled = gibibytes(size) * scale.pulls
      return {
        cpu: together.cpuSeconds / pulled,
        apartCpu: apart.cpuSeconds / pulled,
        wall: apart.seconds / pulled,
      }
    }
  },
}

async function pull(url: string, size: number, client: readonly string[] = []): Promise<void> {
  const output = await runCurl(['-o', '/dev/null', '-w', '%{http_code} %{size_download}', url], client)
  if (output !== `200 ${size}`) throw new Error(`GET ${url} answered with "${output}" (status and bytes).`)
}
