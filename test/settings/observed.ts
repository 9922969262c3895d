/** What a table of this suite is made of: a running Berth, and for each key what is seen of it from outside. */
import type { ArrangedServer, Arrangement, Way } from './arranged-server.ts'

export interface Observed extends Arrangement {
  readonly what: string
  /** Fails where the key has not had its effect. One after the other, on one server. */
  readonly keys: Readonly<Record<string, (server: ArrangedServer) => void | Promise<void>>>
  /** Both, unless one is not possible. */
  readonly ways?: readonly Way[]
}
