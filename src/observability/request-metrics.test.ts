import { describe, expect, test } from 'bun:test'
import { formatMetrics } from './metrics.ts'
import { type CountedRequest, RequestMetrics } from './request-metrics.ts'

const request: CountedRequest = {
  kind: 'manifest',
  method: 'GET',
  status: 200,
  seconds: 0.02,
  received: 0,
  sent: 1500,
}

function served(metrics: RequestMetrics, changes: Partial<CountedRequest> = {}): void {
  const counted = { ...request, ...changes }
  metrics.begin(counted.kind)
  metrics.end(counted)
}

describe('requests', () => {
  test('are counted by kind, method and status, and those on their way by kind', async () => {
    const metrics = new RequestMetrics(['manifest', 'blob'])
    for (let times = 0; times < 3; times++) served(metrics)
    served(metrics, { method: 'HEAD', status: 404 })
    metrics.begin('blob')
    const lines = (await formatMetrics([metrics.describe()])).split('\n')
    expect(lines).toContain('registry_http_requests_total{code="200",handler="manifest",method="get"} 3')
    expect(lines).toContain('registry_http_requests_total{code="404",handler="manifest",method="head"} 1')
    expect(lines).toContain('registry_http_in_flight_requests{handler="blob"} 1')
    expect(lines).toContain('registry_http_in_flight_requests{handler="manifest"} 0')
  })

  test('fall into every bucket that they fit into', async () => {
    const metrics = new RequestMetrics(['manifest'])
    served(metrics, { seconds: 0.01 })
    served(metrics, { seconds: 100 })
    const lines = (await formatMetrics([metrics.describe()])).split('\n')
    const bucket = (bound: string) =>
      lines.find(
        (line) =>
          line.startsWith('registry_http_request_duration_seconds_bucket{') && line.includes(`le="${bound}"`),
      )
    expect(['0.005', '0.01', '60', '+Inf'].map((bound) => bucket(bound)?.split(' ').at(-1))).toEqual([
      '0',
      '1',
      '1',
      '2',
    ])
    expect(lines.find((line) => line.startsWith('registry_http_request_duration_seconds_sum'))).toEndWith(
      ' 100.01',
    )
  })

  test('of several processes are summed', async () => {
    const [one, two] = [new RequestMetrics(['manifest']), new RequestMetrics(['manifest'])]
    served(one)
    served(two)
    served(two, { status: 500 })
    const lines = (await formatMetrics([one.describe(), two.describe()])).split('\n')
    expect(lines).toContain('registry_http_requests_total{code="200",handler="manifest",method="get"} 2')
    expect(lines).toContain('registry_http_requests_total{code="500",handler="manifest",method="get"} 1')
    expect(lines).toContain('registry_http_response_size_bytes_count{handler="manifest"} 3')
  })
})
