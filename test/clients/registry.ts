/**
 * The registry that the client suites talk to: Berth on its defaults, on a fresh folder.
 * `TEST_STAND_IN=docker-registry npm test -- clients` puts `registry:2` in its place, which tells whether
 * something surprising is the client's doing or ours.
 */
import { startBerth } from '../berth-server.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'

export interface Registry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `127.0.0.1:<port>`: what stands before an image's name. */
  readonly host: string
  log(): string
}

/** True when the suites run against `registry:2`, which knows no referrers and no tag deletion. */
export const isStandIn = process.env['TEST_STAND_IN'] === 'docker-registry'

/** Starts the registry that the suite is about. */
export function startRegistry(): Promise<Registry> {
  return isStandIn ? startDockerRegistry() : startBerth()
}
