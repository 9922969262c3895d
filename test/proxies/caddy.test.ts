/** Caddy in front, which speaks HTTP/2 to clients over TLS. */
import { caddy } from './caddy.ts'
import { describeProxy } from './round-trip.ts'

describeProxy('Caddy', 'caddy', caddy)
