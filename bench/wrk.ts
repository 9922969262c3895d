/** Asks for one address over and over on 32 connections, with wrk, and counts the answers and what they cost. */
import { findTool } from '../test/tools/find-tool.ts'
import { type Cost, costOf, LONGEST_MILLISECONDS } from './metric.ts'
import { ACCEPT } from './registry-client.ts'
import type { Server } from './server.ts'

export const CONNECTIONS = 32

/** Throws when anything but 2xx was among the answers. */
export async function load(
  server: Server,
  url: string,
  seconds: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Cost & { readonly requests: number }> {
  const given = Object.entries({ Accept: ACCEPT, ...headers }).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ])
  let output = ''
  const cost = await costOf(server, async () => {
    output = await runWrk(['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...given, url])
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
