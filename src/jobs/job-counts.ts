/** What a process has run of the jobs, in numbers for Prometheus. */
import { LabelledHistogram, STEP_SECONDS } from '../observability/histogram.ts'
import { counter, gauge, type Metric } from '../observability/metrics.ts'

type Outcome = 'succeeded' | 'failed'

export class JobCounts {
  readonly #seconds = new LabelledHistogram('job', STEP_SECONDS)
  readonly #runs = new Map<string, Record<Outcome, number>>()
  readonly #running = new Set<string>()

  began(job: string): void {
    this.#running.add(job)
  }

  ended(job: string, seconds: number): void {
    this.#running.delete(job)
    this.#seconds.observe(job, seconds)
  }

  succeeded(job: string): void {
    this.#count(job, 'succeeded')
  }

  failed(job: string): void {
    this.#count(job, 'failed')
  }

  describe(): Metric[] {
    const runs = [...this.#runs].flatMap(([job, outcomes]) =>
      Object.entries(outcomes).map(([outcome, value]) => ({ labels: { job, outcome }, value })),
    )
    const running = [...this.#runs.keys()].map((job) => ({
      labels: { job },
      value: this.#running.has(job) ? 1 : 0,
    }))
    return [
      counter('berth_job_runs_total', 'Steps of the jobs that have ended, by how they did.', runs),
      gauge('berth_job_running', 'Whether a step of the job is under way.', running),
      this.#seconds.describe('berth_job_seconds', 'How long steps of the jobs took.'),
    ]
  }

  #count(job: string, outcome: Outcome): void {
    const outcomes = this.#runs.get(job) ?? { succeeded: 0, failed: 0 }
    outcomes[outcome]++
    this.#runs.set(job, outcomes)
  }
}
