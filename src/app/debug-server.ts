/** The listener of its own that `http.debug` asks for: one for all processes of a server. */
import type { DebugConfig } from '../config/config.ts'
import { formatAddress, isEveryAddress } from '../http/address.ts'
import { startServer } from '../http/server.ts'
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
  const server = await startServer({
    address: config.address,
    handle,
    onError(error) {
      log.error({ error }, 'a question to the debug server could not be answered')
      return debugFailure()
    },
  })
  closers.defer(() => server.stop({ graceMilliseconds: 0 }))
  announce(config, log)
}

function announce({ address, metricsPath }: DebugConfig, log: Log): void {
  if (metricsPath !== null) log.info({}, `providing prometheus metrics on ${metricsPath}`)
  log.info({}, `debug server listening ${formatAddress(address)}`)
  const isOpen = address.kind === 'tcp' && (isEveryAddress(address) || address.hostname === '0.0.0.0')
  if (!isOpen) return
  log.warn(
    {},
    'the debug server answers everybody who reaches this machine, without a login: ' +
      `write http.debug.addr: 127.0.0.1:${address.port} if it is meant for this machine alone`,
  )
}
