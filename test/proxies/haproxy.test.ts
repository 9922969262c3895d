/** HAProxy in front, which speaks HTTP/2 to clients over TLS. */
import { haproxy } from './haproxy.ts'
import { describeProxy } from './round-trip.ts'

describeProxy('HAProxy', 'haproxy', haproxy)
