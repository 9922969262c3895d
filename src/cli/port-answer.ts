/** What answers on a port that is taken: most often it is Berth itself, started twice. */
import { formatAddress, reachableHere, type TcpAddress } from '../http/address.ts'
import { findRunningServer } from './control-client.ts'

/**
 * `same-folder`: the Berth that works on the data folder in question. `berth` and `registry` go by what is said on the
 * port, `other` by that nothing of a registry is.
 */
export type PortAnswer = 'same-folder' | 'berth' | 'registry' | 'other'

/** Whoever does not say in this time what it is does not say it. */
const PATIENCE_MILLISECONDS = 1000

/** `root`: the data folder of the Berth that would like to have the port; null where it has none. Never throws. */
export async function findPortAnswer(address: TcpAddress, root: string | null): Promise<PortAnswer> {
  if (root !== null && (await findPortOfServerOn(root)) === address.port) return 'same-folder'
  const schemes = ['http', 'https'].map((scheme) =>
    askOverScheme(scheme, formatAddress(reachableHere(address))),
  )
  const answers = await Promise.all(schemes)
  return answers.find((answer) => answer !== 'other') ?? 'other'
}

/** Null where none runs, or it does not tell this user. */
async function findPortOfServerOn(root: string): Promise<number | null> {
  try {
    const server = await findRunningServer(root)
    const status = await server?.ask('GET', '/api/v1/status')
    const url = typeof status === 'object' && status !== null && 'url' in status ? String(status.url) : ''
    return URL.canParse(url) ? Number(new URL(url).port) : null
  } catch {
    return null
  }
}

/** Every registry has the header (distribution's API, "API Version Check"); only Berth says so that it is ready, or not. */
async function askOverScheme(scheme: string, host: string): Promise<Exclude<PortAnswer, 'same-folder'>> {
  const base = await ask(`${scheme}://${host}/v2/`)
  if (base?.headers.get('docker-distribution-api-version') !== 'registry/2.0') return 'other'
  const readiness = await ask(`${scheme}://${host}/readyz`)
  const said = await readiness?.text().catch(() => '')
  return said === 'ready\n' || said?.endsWith('The log of this registry says why.\n') ? 'berth' : 'registry'
}

function ask(url: string): Promise<Response | null> {
  const signal = AbortSignal.timeout(PATIENCE_MILLISECONDS)
  const tls = { rejectUnauthorized: false }
  return fetch(url, { redirect: 'manual', signal, tls }).catch(() => null)
}
