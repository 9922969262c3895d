/** GET of a manifest by tag, over and over, on 32 connections. */
import { findTool } from '../../test/tools/find-tool.ts'
import { type Cost, costOf, LONGEST_MILLISECONDS, type Metric } from '../metric.ts'
import { ACCEPT, manifestPath } from '../registry-client.ts'
import { sampleImage } from '../sample.ts'
import type { Server } from '../server.ts'

const REPOSITORY = 'bench/manifest'
const TAG = 'latest'
const LAYERS = 5
const CONNECTIONS = 32

export const manifestMetric: Metric = {
  name: 'manifest',
  title: () => `GET manifest by tag, ${CONNECTIONS} connections`,
  figures: [
    { name: 'perCpuSecond', title: 'requests per CPU second', better: 'more' },
    { name: 'perSecond', title: 'requests per second', better: 'more' },
  ],
  needs: ['wrk'],
  async prepare(subject, { scale }) {
    const server = await subject.serve()
    await subject.publishImage(server, REPOSITORY, TAG, sampleImage('manifest', LAYERS))
    const url = `http://127.0.0.1:${server.port}${manifestPath(REPOSITORY, TAG)}`
    if (scale.warmsUp) await load(server, url, scale.wrkSeconds)
    return async () => {
      const { requests, cpuSeconds, seconds } = await load(server, url, scale.wrkSeconds)
      return { perCpuSecond: requests / cpuSeconds, perSecond: requests / seconds }
    }
  },
}

async function load(
  server: Server,
  url: string,
  seconds: number,
): Promise<Cost & { readonly requests: number }> {
  let output = ''
  const cost = await costOf(server, async () => {
    output = await runWrk(['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-H', `Accept: ${ACCEPT}`, url])
  })
  return { ...cost, ...parseWrk(output) }
}

async function runWrk(args: readonly string[]): Promise<string> {
  const wrk = findTool('wrk')
  if (wrk === null) throw new Error('There is no wrk here.')
  const child = Bun.spawn([wrk, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: LONGEST_MILLISECONDS,
  })
  const output = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`wrk failed: ${output}`)
  return output
}

/** Throws when anything but 2xx was among the answers. */
export function parseWrk(output: string): { readonly requests: number } {
  const requests = Number(/^\s*(\d+) requests in /m.exec(output)?.[1] ?? 0)
  if (requests === 0 || /Non-2xx|Socket errors/.test(output)) throw new Error(`wrk had errors:\n${output}`)
  return { requests }
}
