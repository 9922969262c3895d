/** Tells the operator once of what may be a proxy in front that is not in `http.trustedproxies`: otherwise nobody sees why. */
import type { IncomingRequest } from '../http/request.ts'
import type { Log } from '../observability/log.ts'

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export class UnnamedProxy {
  readonly #log: Log
  #isTold = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Pulls are not looked at, so that they do not pay for it: whoever pushes through a proxy is soon there. */
  notice(request: IncomingRequest): void {
    if (this.#isTold || READS.has(request.method)) return
    const proxy = request.disbelieved
    if (proxy === null) return
    this.#isTold = true
    this.#log.warn(
      { proxy },
      `X-Forwarded-* from ${proxy} are not believed. If that is your proxy, add it to http.trustedproxies; otherwise a client makes them up`,
    )
  }
}
