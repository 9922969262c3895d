import { expect, test } from 'bun:test'
import { IncomingRequest } from '../http/request.ts'
import { createLog } from '../observability/log.ts'
import { UnnamedProxy } from './unnamed-proxy.ts'

function requestFrom(address: string, method: string, headers: Record<string, string>): IncomingRequest {
  return new IncomingRequest(new Request('http://a/v2/', { method, headers }), {
    isEncrypted: false,
    mayBeHttp2: false,
    remoteAddress: () => address,
    isFromProxy: () => address.startsWith('10.'),
    isProxy: () => false,
    allowSlow: () => {},
    bodyArrived: () => {},
  })
}

test('the first push through a proxy that nobody has named is told, and only that', () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
  const unnamed = new UnnamedProxy(log)
  const forwarded = { 'x-forwarded-for': '192.0.2.1' }
  unnamed.notice(requestFrom('203.0.113.7', 'POST', {}))
  unnamed.notice(requestFrom('10.0.0.1', 'POST', forwarded))
  unnamed.notice(requestFrom('203.0.113.7', 'GET', forwarded))
  expect(lines).toEqual([])
  unnamed.notice(requestFrom('203.0.113.7', 'POST', forwarded))
  unnamed.notice(requestFrom('203.0.113.8', 'POST', forwarded))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('X-Forwarded-* from 203.0.113.7 are not believed')
})
