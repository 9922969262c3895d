/** What `berth verify` says to people: each finding, how far it is, and the end. */
import type { VerifyReport } from '../contract/verify.ts'
import type { VerifyCounts } from '../registry/verify/counts.ts'
import { nameImages, type VerifyFinding } from '../registry/verify/finding.ts'
import type { VerifyCursor } from '../registry/verify/verify.ts'

const MOST_IMAGES = 10

/** The first line begins with a word that can be looked for. */
export function describeFinding(finding: VerifyFinding): string[] {
  const { severity, message, repair, isMended } = finding
  const word = isMended ? 'mended' : severity
  const names = nameImages(finding)
  const more = names.length - MOST_IMAGES
  const named = more > 0 ? [...names.slice(0, MOST_IMAGES), `and ${more} more`] : names
  return [
    `${word}: ${message}`,
    ...(named.length === 0 ? [] : [`  images: ${named.join(', ')}`]),
    ...(repair === null ? [] : [`  done: ${repair}`]),
  ]
}

type FormatBytes = (bytes: number) => string

/** One line, for it is drawn over the one before. Digests are spread evenly, so the place in their order says how far it is. */
export function describeProgress(
  { step, after }: Pick<VerifyCursor, 'step' | 'after'>,
  { blobs, hashedBytes }: VerifyCounts,
  formatBytes: FormatBytes,
): string {
  const [, first = ''] = /^sha(?:256|512):([0-9a-f]{4})/.exec(after) ?? []
  const isSpread = first !== '' && (step === 'blobs' || step === 'payloads')
  const share = isSpread ? ` ${Math.floor((Number.parseInt(first, 16) / 0x10000) * 100)} %` : ''
  const hashed = hashedBytes === 0 ? '' : `, ${formatBytes(hashedBytes)} hashed`
  return `Verifying ${step}${share} (${blobs} blobs${hashed})`
}

const OUTCOMES: Readonly<Record<VerifyReport['outcome'], string>> = {
  well: 'All is well.',
  damaged: 'Something is damaged.',
  'not looked at': 'Nothing is known to be damaged, but not everything could be looked at.',
}

export function describeReport(
  report: VerifyReport,
  notes: ReadonlyMap<string, number>,
  formatBytes: FormatBytes,
): string[] {
  const { checked, damaged, mended, unreadable, deep } = report
  const seconds = Math.round((Date.parse(report.endedAt) - Date.parse(report.startedAt)) / 1000)
  const hashed = deep
    ? `${formatBytes(checked.hashedBytes)} hashed`
    : 'their sizes compared, not hashed (--deep)'
  return [
    `Looked at ${checked.blobs} blobs (${hashed}), ${checked.manifests} manifests, ${checked.links} links and ` +
      `${checked.uploads} uploads in ${seconds} s.`,
    ...[...notes].map(([kind, count]) => `Worth knowing: ${kind} (${count})`),
    `Damaged: ${damaged}, mended: ${mended}, could not be looked at: ${unreadable}`,
    OUTCOMES[report.outcome],
  ]
}
