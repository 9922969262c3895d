/** The listener of its own that `http.debug` asks for: one for all processes of a server. */
import type { DebugConfig } from '../config/config.ts'
import { CannotListen, formatAddress, isWildcard } from '../http/address.ts'
import { type RunningServer, type ServerOptions, startServer } from '../http/server.ts'
import type { Log } from '../observability/log.ts'
import { formatMetrics, METRICS_TYPE } from '../observability/metrics.ts'
import { debugFailure, debugHandler } from '../protocols/debug/handler.ts'
import type { Crew } from './questions.ts'

/** Until the closers run. Throws CannotListen. */
export async function openDebugServer(
  config: DebugConfig | null,
  { crew, log }: { readonly crew: Crew; readonly log: Log },
  closers: AsyncDisposableStack,
): Promise<void> {
  if (config === null) return
  const handle = debugHandler({
    async problems() {
      return Object.assign({}, ...(await crew.askAll({ kind: 'health' })))
    },
    metrics:
      config.metricsPath === null
        ? null
        : {
            path: config.metricsPath,
            type: METRICS_TYPE,
            text: async () => formatMetrics(await crew.askAll({ kind: 'metrics' })),
          },
  })
  const server = await startDebugServer(config, {
    handle,
    onError(error) {
      log.error({ error }, 'a question to the debug server could not be answered')
      return debugFailure()
    },
  })
  closers.defer(() => server.stop({ graceMilliseconds: 0 }))
  announce(config, log)
}

/** Throws CannotListen, which names the setting: whoever reads it has never asked for a second port. */
async function startDebugServer(
  { address }: DebugConfig,
  options: Omit<ServerOptions, 'address'>,
): Promise<RunningServer> {
  try {
    return await startServer({ ...options, address })
  } catch (error) {
    if (!(error instanceof CannotListen)) throw error
    const who = 'the debug server (http.debug.addr)'
    throw new CannotListen(address, error.problem, { cause: error.cause, who })
  }
}

function announce({ address, metricsPath }: DebugConfig, log: Log): void {
  if (metricsPath !== null) log.info({}, `providing prometheus metrics on ${metricsPath}`)
  const isOpen = address.kind === 'tcp' && isWildcard(address)
  const reach = isOpen ? ', for everybody who reaches this machine, without a login' : ''
  log.info({}, `debug server listening ${formatAddress(address)}${reach}`)
}
