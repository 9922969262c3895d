/** The health checks that the configuration wishes for, running. */
import type { HealthConfig } from '../config/config.ts'
import { Health, type HealthCheck } from '../observability/health.ts'
import { fileCheck, httpCheck, tcpCheck } from '../observability/health-checks.ts'
import type { Log } from '../observability/log.ts'
import { requireStorage } from '../registry/readiness.ts'
import type { Registry } from '../registry/registry.ts'

/** Until the closers run. `driver` is where blobs are kept: `filesystem`. */
export function openHealth(
  config: HealthConfig,
  { registry, driver, log }: { readonly registry: Registry; readonly driver: string; readonly log: Log },
  closers: AsyncDisposableStack,
): Health {
  const checks: HealthCheck[] = [
    ...(config.storage === null
      ? []
      : [{ ...config.storage, name: `storagedriver_${driver}`, look: () => requireStorage(registry) }]),
    ...config.files.map(fileCheck),
    ...config.http.map(httpCheck),
    ...config.tcp.map(tcpCheck),
  ]
  const health = new Health(checks, {
    onChange(check, problem) {
      if (problem === null) log.info({ check }, 'a health check succeeds again')
      else log.error({ check, problem }, 'a health check failed: until it succeeds, every request gets 503')
    },
  })
  closers.defer(() => health.stop())
  return health
}
