/**
 * The composition root: one Config becomes one running server. It knows every folder and decides nothing
 * about registries. A process is everything in one (`single`), or one worker of several.
 */

import type { Authenticator } from './access/authenticate.ts'
import { openAccess } from './app/access.ts'
import { type OpenedCertificates, openCertificates } from './app/certificates.ts'
import { describeServer, openControlSocket } from './app/control.ts'
import { openDebugServer } from './app/debug-server.ts'
import { openHealth } from './app/health.ts'
import { type JobsOptions, openJobs } from './app/jobs.ts'
import { withLocalCertificate } from './app/local-certificate.ts'
import { AppMetrics } from './app/metrics.ts'
import { openObstacles } from './app/obstacles.ts'
import { ownerApi } from './app/owner.ts'
import type { DrawLine } from './app/progress.ts'
import { type Answering, type AnswerTo, answer, crewOfOne, type Question } from './app/questions.ts'
import { type AppRole, openRegistry } from './app/registry.ts'
import { type ReloadRequest, reloadAll } from './app/reload.ts'
import { describeRequest, statusOf } from './app/served-request.ts'
import { checkTreeBeside, type TreeKeeperOptions } from './app/tree.ts'
import { UnnamedProxy } from './app/unnamed-proxy.ts'
import type { VolumeFacts } from './app/volume.ts'
import type { Config } from './config/config.ts'
import type { Reply } from './http/reply.ts'
import type { IncomingRequest } from './http/request.ts'
import { type RunningServer, startServer } from './http/server.ts'
import { CollectionCounts } from './jobs/collection-counts.ts'
import type { Health } from './observability/health.ts'
import type { Log } from './observability/log.ts'
import type { RequestLog } from './observability/request-log.ts'
import { healthHandler } from './protocols/health/handler.ts'
import { ociHandler, refusal } from './protocols/oci/handler.ts'
import { unhealthyReply } from './protocols/oci/unhealthy.ts'
import type { Obstacles } from './registry/obstacles.ts'
import type { Registry } from './registry/registry.ts'
import { discardOrphanedUploads } from './registry/upload-expiry.ts'
import { releaseUploadsOfCommand } from './registry/uploads.commands.ts'

export interface App {
  readonly url: string
  /** What whoever speaks for all processes of a server wants to know of this one. */
  answer(question: Question): Promise<AnswerTo<Question>>
  /** Reads again what can be. Gives the names of what could not. */
  reload(request: ReloadRequest): Promise<readonly string[]>
  /** Rejects when this process can write no more, and had better end. Never resolves. */
  readonly broken: Promise<never>
  /** Lets what is in flight end within the grace time, then closes everything. */
  close(graceMilliseconds: number): Promise<void>
}

/** Does what one process is enough for. */
const FIRST_WORKER = 'worker-1'

export interface AppOptions {
  readonly config: Config
  readonly role: AppRole
  readonly log: Log
  /** Is told of every request that was answered. */
  readonly logRequest?: RequestLog
  /** Shows how far the images have been gone through; null where nobody watches. */
  readonly draw?: DrawLine | null
}

/** Throws VolumeRefused, VolumeInUse, CannotListen, SchemaTooNew, DatabaseUnavailable, StorageUnavailable. */
export async function startApp(options: AppOptions): Promise<App> {
  const closers = new AsyncDisposableStack()
  try {
    return await openApp(options, closers)
  } catch (error) {
    await closers.disposeAsync()
    throw error
  }
}

async function openApp(options: AppOptions, closers: AsyncDisposableStack): Promise<App> {
  const { config, role, log, logRequest = () => {}, draw = null } = options
  const metrics = new AppMetrics(config.storage.driver.kind)
  const { registry, broken, volume } = await openRegistry({ config, role, log, metrics }, closers)
  const obstacles = openObstacles({ config, registry, log, metrics }, closers)
  const collected = new CollectionCounts()
  metrics.alsoDescribe(() => collected.describe())
  await tidyUp({ config, role, registry, log, metrics, obstacles, collected }, closers)
  const health = openHealth(config.health, { registry, driver: config.storage.driver.kind, log }, closers)
  const { http } = await withLocalCertificate(config, log, closers)
  const certificates = openCertificates(http.tls, log)
  const { authenticator, reloadables: ofAccess } = await openAccess(config.auth, log)
  const watch = { log, logRequest, metrics, health, obstacles }
  const server = await listen({ config, role, registry, authenticator, certificates, watch })
  certificates.follow(server, closers)
  const reloadables = [...ofAccess, ...certificates.reloadables]
  const manage = ownerApi({ config, registry, isServed: true, collected, log })
  const answering: Answering = { ...watch, manage, reloadables }
  if (role.kind === 'single') await openForOwner({ config, server, volume, answering }, closers)
  if (registry.tree !== null && volume !== null) {
    const { tree, uploads } = registry
    closers.defer(checkBeside({ tree, root: volume.root, process: uploads.process, log, draw }))
  }
  return {
    url: server.url,
    broken,
    answer: (question) => answer(answering, question),
    reload: (request) => reloadAll(reloadables, request, log),
    async close(graceMilliseconds) {
      await server.stop({ graceMilliseconds })
      await closers.disposeAsync()
    },
  }
}

interface OwnServer {
  readonly config: Config
  readonly server: RunningServer
  readonly volume: VolumeFacts | null
  readonly answering: Answering
}

/** What only a process that is the whole server has: where several are, their supervisor has it. */
async function openForOwner(
  { config, server, volume, answering }: OwnServer,
  closers: AsyncDisposableStack,
): Promise<void> {
  const { log } = answering
  closers.defer(() => server.stop({ graceMilliseconds: 0 }))
  const crew = crewOfOne(answering)
  await openDebugServer(config.http.debug, { crew, log }, closers)
  const status = () => describeServer(config, server.url)
  await openControlSocket({ root: volume?.root ?? null, crew, status, log }, closers)
}

/** Gives what ends it. */
function checkBeside(options: TreeKeeperOptions): () => Promise<void> {
  const checking = checkTreeBeside(options)
  return () => checking.stop()
}

/** What a dead predecessor left, and what grows old meanwhile. */
async function tidyUp(
  { role, ...options }: JobsOptions & Pick<Parts, 'role'>,
  closers: AsyncDisposableStack,
): Promise<void> {
  const { config, registry } = options
  await registry.database.write(releaseUploadsOfCommand, { process: registry.uploads.process })
  // Somebody may be copying the folder, or looking for what went wrong in it.
  if (config.storage.readOnly) return
  await discardOrphanedUploads(registry)
  // Several workers would only wait for each other.
  if (role.kind === 'single' || role.name === FIRST_WORKER) await openJobs(options, closers)
}

/** Who looks on while requests are answered. */
interface Watch {
  readonly log: Log
  readonly logRequest: RequestLog
  readonly metrics: AppMetrics
  readonly health: Health
  readonly obstacles: Obstacles
}

/** What a listening process is made of. */
interface Parts {
  readonly config: Config
  readonly role: AppRole
  readonly registry: Registry
  readonly authenticator: Authenticator
  readonly certificates: OpenedCertificates
  readonly watch: Watch
}

function listen(parts: Parts): Promise<RunningServer> {
  const { config, role, certificates } = parts
  const { log, logRequest, metrics, obstacles } = parts.watch
  const unnamedProxy = new UnnamedProxy(log)
  return startServer({
    address: config.http.address,
    reusePort: role.kind === 'worker',
    trustedProxies: config.http.trustedProxies,
    headers: config.http.headers,
    ...certificates.tls,
    http2: config.http.tls === null ? config.http.h2c : config.http.http2,
    handle: handlerOf(parts),
    onError: (error, request) => refusal(error, { log, obstacles }, request),
    onReply(request, reply, milliseconds) {
      unnamedProxy.notice(request)
      metrics.endRequest(request, reply, milliseconds)
      logRequest({ method: request.method, status: statusOf(request, reply) }, () =>
        describeRequest(request, reply, milliseconds),
      )
    },
    onBodyFailed: (error, request) => log.warn({ request: request.id, error }, 'a reply broke off'),
  })
}

function handlerOf({ config, registry, authenticator, watch }: Parts) {
  const { log, metrics, health, obstacles } = watch
  const probes = healthHandler(registry, log, { checks: health, obstacles })
  const oci = ociHandler({
    registry,
    deleteEnabled: config.storage.deleteEnabled,
    isReadOnly: config.storage.readOnly,
    lists: config.lists,
    addresses: config.http,
    authenticator,
    obstacles,
    log,
  })
  return (request: IncomingRequest): Promise<Reply> => {
    const probed = probes(request)
    if (probed !== null) return probed
    if (!health.isWell) return Promise.resolve(unhealthyReply(request))
    const reply = oci(request)
    // What kind of request it is stands in its notes before anything is waited for.
    metrics.beginRequest(request)
    return reply
  }
}
