/** Every stored blob is hashed again now and then, slowly, and the log says at once what is damaged and which images that breaks. */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { nameImages, type VerifyFinding } from '../registry/verify/finding.ts'
import { BlobHashing } from '../registry/verify/hashing.ts'
import { scrubOnce } from '../registry/verify/scrub.ts'
import type { Job } from './runner.ts'

export interface Scrubbing {
  readonly everyMilliseconds: number
  readonly bytesPerSecond: number
}

export function scrubbingJob(registry: Registry, scrubbing: Scrubbing, log: Log): Job {
  const { everyMilliseconds: every, bytesPerSecond } = scrubbing
  const hashing = new BlobHashing(registry.blobs)
  return {
    name: 'scrub',
    atLatestMilliseconds: every,
    async run(signal) {
      const step = await scrubOnce({ registry, hashing }, { every, bytesPerSecond, signal })
      for (const finding of step.findings) tell(finding, log)
      return { againInMilliseconds: step.againIn }
    },
  }
}

function tell(finding: VerifyFinding, log: Log): void {
  const { message, digest, repair, severity } = finding
  const fields = { digest, images: nameImages(finding), repair }
  if (severity === 'damage') log.error(fields, `a stored blob is damaged: ${message}`)
  else log.warn(fields, message)
}
